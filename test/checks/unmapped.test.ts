import { expect, test } from 'vitest'
import { unmapped } from '../../src/checks/unmapped.ts'
import { mappingSurvey, scopeOf, surveyOf, table } from './scope.ts'

const messages = table('messages', { id: 'text' })

test('passes when every field has a column', async () => {
  const finding = await unmapped.run(
    scopeOf({ tables: [messages], survey: surveyOf({ mappings: [mappingSurvey()] }) }),
    {},
  )
  expect(finding).toMatchObject({
    status: 'pass',
    measured: '10 records of 1 mapping: every field has a column.',
  })
})

test.each([
  [
    'a field',
    ['readBy'],
    '1 field that no column takes',
    'rest(). Or drop them by name: unmapped: { drop: [readBy], because: … }.',
  ],
  [
    'an expiry',
    ['$expires_at'],
    'expiries that no column takes in 1 mapping',
    'column ($expires_at). Or drop them by name: unmapped: { drop: [$expires_at], because: … }.',
  ],
  [
    'an expiry of fields',
    ['$field_expires_at'],
    'expiries of fields that no column takes in 1 mapping',
    'column ($field_expires_at, with each: field). Or drop them by name: unmapped: { drop: [$field_expires_at], because: … }.',
  ],
  [
    'many fields',
    ['a', 'b.c', 'd', 'e'],
    '4 fields that no column takes',
    '{ drop: [a, b.c, d, …], because: … }',
  ],
])('fails for %s that no column takes', async (_, names, what, hint) => {
  const seen = mappingSurvey({
    unmapped: names.map((field) => ({ field, records: 12, sample: 'messages:m1' })),
  })
  const finding = await unmapped.run(
    scopeOf({ tables: [messages], survey: surveyOf({ mappings: [seen] }) }),
    {},
  )
  expect(finding.status).toBe('fail')
  expect(finding.measured).toContain(what)
  expect(finding.samples).toEqual(names.map((it) => `messages: ${it} (12 records, such as messages:m1)`))
  expect(finding.hint).toContain(hint)
})
