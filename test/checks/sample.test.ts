import { expect, test } from 'vitest'
import { sample } from '../../src/checks/sample.ts'
import { chanceToMiss, inSample } from '../../src/checks/sample-records.ts'
import { differences, scopeOf, surveyOf, tableSurvey } from './scope.ts'

const drawn = { records: 10_000, sampled: 1000, missing: differences(), different: differences() }
const tables = [tableSurvey()]
const run = (more: Partial<typeof drawn>, options = {}) =>
  sample.run(scopeOf({ survey: surveyOf({ tables }), sample: { ...drawn, ...more } }), options)

test('passes with the chance to have missed something', async () => {
  const finding = await run({})
  expect(finding.status).toBe('pass')
  expect(finding.measured).toBe(
    '1,000 records of 10,000 compared (10%): 0 missing, 0 different. The chance that such a sample misses so many bad records is 1: 90 %, 10: 35 %, 28: 5.2 %.',
  )
})

test.each(['missing', 'different'] as const)('fails for one row that is %s', async (kind) => {
  expect(await run({ [kind]: differences('message:m1') })).toMatchObject({
    status: 'fail',
    samples: [`messages: ${kind} message:m1`],
  })
})

test('says unknown when no record was picked', async () => {
  expect((await run({ records: 3, sampled: 0 })).status).toBe('unknown')
})

test('judges by the full comparison where nobody can draw a sample, and says so', async () => {
  const right = await sample.run(scopeOf({ survey: surveyOf({ tables }) }), { of: '25%' })
  expect(right).toMatchObject({
    status: 'pass',
    measured:
      'Instead of 25%, all 1,000 rows of plan messages were compared, so that none could be missed: 0 differences.',
  })
  const wrong = surveyOf({ tables: [tableSurvey({ extra: differences('message:m1') })] })
  expect((await sample.run(scopeOf({ survey: wrong }), {})).status).toBe('fail')
})

test('picks the same records every time, more of them with a larger share, and about as many as were asked for', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => Buffer.from(`message:${index}`))
  const picked = (share: number) => keys.filter((it) => inSample(it, '', share))
  expect(picked(0.1)).toEqual(picked(0.1))
  const more = new Set(picked(0.2))
  expect(picked(0.1).every((it) => more.has(it))).toBe(true)
  expect(picked(0.1).length).toBeGreaterThan(1800)
  expect(picked(0.1).length).toBeLessThan(2200)
  expect(picked(0)).toEqual([])
  expect(picked(1)).toEqual(keys)
})

test.each([
  [100, 10, 1, 0.9],
  [100, 0, 5, 1],
  [100, 100, 1, 0],
  // 5 of 10 records looked at, 2 bad: both among the other 5, (5 · 4) / (10 · 9).
  [10, 5, 2, 2 / 9],
  [10, 9, 2, 0],
])(
  'of %i records %i looked at, %i bad ones stay unseen with probability %d',
  (records, sampled, bad, chance) => {
    expect(chanceToMiss({ records, sampled, bad })).toBeCloseTo(chance, 10)
  },
)
