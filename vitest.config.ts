import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = fileURLToPath(new URL('./src', import.meta.url))

export default defineConfig({
  // The examples import the library by its name; in tests that is the source, built or not.
  resolve: {
    alias: [
      { find: /^hybrid-store$/, replacement: `${src}/index.ts` },
      { find: /^hybrid-store\/(express|fastify)$/, replacement: `${src}/adapters/$1/index.ts` },
      { find: /^hybrid-store\/http$/, replacement: `${src}/http/index.ts` },
    ],
  },
  test: {
    include: ['tests/**/*.test.ts'],
    environment: 'node',
    globalSetup: './tests/servers/global-setup.ts',
    pool: 'forks',
    // Most tests wait for a disk or a socket, so two files at a time suit two cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: process.env.HYBRID_STORE_RESULTS ? ['default', './tests/support/reporter.ts'] : ['default'],
  },
})
