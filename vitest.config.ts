import { defineConfig } from 'vitest/config'

export default defineConfig({
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
