import { expect, test } from 'vitest'
import { rowCount } from '../../src/checks/row-count.ts'
import { scopeOf, surveyOf, tableSurvey } from './scope.ts'

const run = (...tables: ReturnType<typeof tableSurvey>[]) =>
  rowCount.run(scopeOf({ survey: surveyOf({ tables }) }), {})

test('passes when each table has as many rows as the source gives', async () => {
  const finding = await run(tableSurvey(), tableSurvey({ table: 'handles', expected: 1, actual: 1 }))
  expect(finding).toMatchObject({
    status: 'pass',
    measured: 'messages 1,000 of 1,000 rows and handles 1 of 1 row.',
    samples: [],
  })
})

test.each([
  [998, 'messages: 1,000 rows expected, 998 there'],
  [1001, 'messages: 1,000 rows expected, 1,001 there'],
])('fails when %i rows are there', async (actual, sample) => {
  expect(await run(tableSurvey({ actual }))).toMatchObject({ status: 'fail', samples: [sample] })
})

test('says unknown when nobody looked at the tables', async () => {
  expect((await run(tableSurvey({ compared: false, actual: 0 }))).status).toBe('unknown')
})
