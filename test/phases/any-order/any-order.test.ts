import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { Runs } from './run.ts'

/**
 * Long nights have a variable: KVMIG_TEST_RUNS=200. A failure prints its seed, its path and what happened; KVMIG_TEST_SEED and KVMIG_TEST_PATH
 * do that again, KVMIG_TEST_SHRINK=1 looks for a shorter one.
 */
const RUNS = Number(process.env.KVMIG_TEST_RUNS ?? 3)
const SEED = process.env.KVMIG_TEST_SEED
const PATH = process.env.KVMIG_TEST_PATH

const runs = new Runs({ readThrough: ['users'] })
afterAll(() => runs.stop())

test('writers, kills, cuts, clocks and commands in any order: nothing is lost, doubled, invented, brought back or read too late', {
  timeout: RUNS * 60_000,
}, async () => {
  const began = performance.now()
  await fc.assert(runs.property(60), {
    numRuns: RUNS,
    ...(SEED && { seed: Number(SEED) }),
    ...(PATH && { path: PATH }),
    endOnFailure: !process.env.KVMIG_TEST_SHRINK,
  })
  expect(runs.commands).toBeGreaterThan(0)
  console.log(`${runs.commands} commands in ${Math.round(performance.now() - began)} ms`)
})
