import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const report = process.env.KVMIG_TEST_REPORT

/** Files with a process of their own: one replaces modules of the sources, which others are not to see, one measures the memory it needs. */
const ALONE = ['test/phases/shared-rows.test.ts', 'test/sources/rdb-random.test.ts']

const common = {
  globalSetup: ['test/setup/global.ts'],
  pool: 'forks' as const,
  // Nothing may depend on where a test runs.
  env: { TZ: 'America/New_York' },
  // A journey is some twenty processes, and a machine may be small and busy.
  testTimeout: 180_000,
  hookTimeout: 120_000,
  // What is waited for comes when the machine has time for it: the limit is for what never comes.
  expect: { poll: { timeout: 30_000 } },
}
const alias = [
  { find: /^@electric-sql\/pglite$/, replacement: join(import.meta.dirname, 'test/setup/quick-pglite.ts') },
]

export default defineConfig({
  test: {
    // Modules of the sources keep nothing but constants and caches: a worker loads them once for all of its files, not once for each.
    projects: [
      {
        resolve: { alias },
        test: { ...common, name: 'suite', include: ['test/**/*.test.ts'], exclude: ALONE, isolate: false },
      },
      { resolve: { alias }, test: { ...common, name: 'alone', include: ALONE } },
    ],
    // Most of a journey is waiting for other processes, so that there is room for one more test file than there are cores.
    maxWorkers: availableParallelism() + 1,
    reporters: report ? ['default', 'json'] : ['default'],
    ...(report ? { outputFile: { json: report } } : {}),
  },
})
