import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const report = process.env.KVMIG_TEST_REPORT

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/global.ts'],
    pool: 'forks',
    // Most of a journey is waiting for other processes, so that there is room for one more test file than there are cores.
    maxWorkers: availableParallelism() + 1,
    // Nothing may depend on where a test runs.
    env: { TZ: 'America/New_York' },
    // A journey is some twenty processes, and a machine may be small and busy.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    reporters: report ? ['default', 'json'] : ['default'],
    ...(report ? { outputFile: { json: report } } : {}),
  },
})
