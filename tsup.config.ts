import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    s3: 'src/drivers/s3/index.ts',
    fs: 'src/drivers/fs/index.ts',
    memory: 'src/drivers/memory/index.ts',
    http: 'src/http/index.ts',
    node: 'src/adapters/node/index.ts',
    express: 'src/adapters/express/index.ts',
    fastify: 'src/adapters/fastify/index.ts',
    web: 'src/adapters/web/index.ts',
    multer: 'src/adapters/multer/index.ts',
    testing: 'src/testing/index.ts',
    otel: 'src/otel/index.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  // Entry points share chunks, so that each format has one StorageError class and not one per entry point.
  splitting: true,
  treeshake: false,
  dts: true,
  clean: true,
  sourcemap: false,
})
