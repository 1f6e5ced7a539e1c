import { expect, test } from 'vitest'
import { unmapped } from '../../src/checks/unmapped.ts'
import { mapping, mappingSurvey, scopeOf, surveyOf, table } from './scope.ts'

const messages = table('messages', { id: 'text' })
const dropped = { policy: 'drop', because: 'nobody needs it' } as const
const seen = (field: string) => mappingSurvey({ unmapped: [{ field, records: 12, sample: 'messages:m1' }] })

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
  ['a field', 'readBy', '1 field that no column takes', 'unmapped: { drop: the reason }'],
  ['an expiry', '$expires_at', 'expiries that no column takes in 1 mapping', 'ttl: { drop: the reason }'],
])('fails for %s that no column takes', async (_, field, what, hint) => {
  const finding = await unmapped.run(
    scopeOf({ tables: [messages], survey: surveyOf({ mappings: [seen(field)] }) }),
    {},
  )
  expect(finding.status).toBe('fail')
  expect(finding.measured).toContain(what)
  expect(finding.samples).toEqual([`messages: ${field} (12 records, such as messages:m1)`])
  expect(finding.hint).toContain(hint)
})

test.each([
  ['readBy', { unmapped: dropped }, 'pass'],
  ['$expires_at', { ttl: dropped }, 'pass'],
  ['readBy', { ttl: dropped }, 'fail'],
  ['$expires_at', { unmapped: dropped }, 'fail'],
])('takes %s with %o as %s', async (field, policy, status) => {
  const scope = scopeOf({
    tables: [messages],
    mappings: [mapping(messages, policy)],
    survey: surveyOf({ mappings: [seen(field)] }),
  })
  expect((await unmapped.run(scope, {})).status).toBe(status)
})
