import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { ABLATIONS } from '../../model/scenarios.ts'
import { Runs } from './run.ts'

/** That many runs are enough to miss what is taken away, with this seed and with any other that was tried. */
const RUNS = 60
const SEED = Number(process.env.KVMIG_TEST_SEED ?? 1)

let runs: Runs
afterEach(() => runs?.stop())

test.each(['version', 'claim', 'outbox'] as const)('misses the %s', { timeout: 600_000 }, async (element) => {
  runs = new Runs({ readThrough: ['users'] }, { protocol: ABLATIONS[element] })
  const found = await fc.check(runs.property(60), { numRuns: RUNS, seed: SEED, endOnFailure: true })
  expect(found.failed).toBe(true)
  console.log(element, found.numRuns, String(found.errorInstance).split('\n')[0])
})
