import { expect, test } from 'vitest'
import { full } from '../../src/checks/full.ts'
import { differences, scopeOf, surveyOf, tableSurvey } from './scope.ts'

const run = (more: Parameters<typeof tableSurvey>[0], options = {}) =>
  full.run(scopeOf({ survey: surveyOf({ tables: [tableSurvey(more)] }) }), options)

test('passes when all rows are alike', async () => {
  expect(await run({})).toMatchObject({
    status: 'pass',
    measured: 'messages 1,000 of 1,000 rows alike.',
    samples: [],
  })
})

test.each(['missing', 'different', 'extra'] as const)('fails for one row that is %s', async (kind) => {
  expect(await run({ matching: 999, [kind]: differences('message:m1') })).toMatchObject({
    status: 'fail',
    measured: `messages 999 of 1,000 rows alike (1 ${kind}).`,
    samples: [`messages: ${kind} message:m1`],
    data: { tables: [{ [kind]: 1 }] },
  })
})

test('fails when counts are equal and contents are not', async () => {
  const swapped = { matching: 999, missing: differences('message:m1'), extra: differences('message:m2') }
  expect(await run(swapped)).toMatchObject({
    status: 'fail',
    samples: ['messages: missing message:m1', 'messages: extra message:m2'],
  })
})

test('fails for one wrong row in a million', async () => {
  expect(
    (await run({ expected: 1e6, actual: 1e6, matching: 1e6 - 1, different: differences('k') })).status,
  ).toBe('fail')
})

test.each([
  ['0.1%', 1, 'pass'],
  ['0.1%', 2, 'fail'],
  ['0%', 1, 'fail'],
  ['0.1%', 0, 'pass'],
])('with a drift of %s, %i differing of 1,000 rows %s', async (drift, count, status) => {
  const finding = await run({ different: { count, samples: [] } }, { drift })
  expect(finding.status).toBe(status)
  expect(finding.measured.includes('within the drift')).toBe(status === 'pass' && count > 0)
})

test('shows ten samples at most', async () => {
  const keys = Array.from({ length: 30 }, (_, index) => `m${index}`)
  expect((await run({ missing: differences(...keys) })).samples).toHaveLength(10)
})

test('says unknown when nobody compared', async () => {
  expect((await run({ compared: false })).status).toBe('unknown')
})
