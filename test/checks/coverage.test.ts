import { expect, test } from 'vitest'
import { coverage } from '../../src/checks/coverage.ts'
import { mappingSurvey, scopeOf, surveyOf } from './scope.ts'

const run = (survey: Parameters<typeof surveyOf>[0], options = {}) =>
  coverage.run(scopeOf({ survey: surveyOf({ mappings: [mappingSurvey()], ...survey }) }), options)

test('passes when every key has a fate other than uncovered', async () => {
  const finding = await run({ fates: { migrated: 1200, index: 30, quarantined: 4 } })
  expect(finding).toMatchObject({
    check: 'coverage',
    code: 'KV301',
    status: 'pass',
    measured: '1,234 keys in kv: 1,200 migrated, 4 quarantined and 30 index.',
    samples: [],
  })
  expect(finding).not.toHaveProperty('hint')
})

test('fails for one uncovered key, and shows what such keys look like', async () => {
  const finding = await run({
    fates: { migrated: 999, uncovered: 1 },
    uncovered: [{ pattern: 'draft:{…}', keys: 1, sample: 'draft:7' }],
  })
  expect(finding.status).toBe('fail')
  expect(finding.measured).toBe('1,000 keys in kv: 999 migrated and 1 uncovered.')
  expect(finding.samples).toEqual(['draft:{…} (1 key, such as draft:7)'])
  expect(finding.hint).toContain('ignore, index or ephemeral')
})

test('fails when nothing in the source belongs to the plan, whatever may be empty', async () => {
  const finding = await run(
    { fates: { migrated: 5 }, plan: {}, mappings: [mappingSurvey({ keys: 0 })] },
    { empty: ['messages'] },
  )
  expect(finding.status).toBe('fail')
  expect(finding.measured).toContain('Nothing of it belongs to plan messages.')
})

test('fails for a source without keys: no data is not a pass', async () => {
  expect((await run({ fates: {}, mappings: [mappingSurvey({ keys: 0 })] })).status).toBe('fail')
})

test('fails for a mapping that finds no key, unless the plan says it may be empty', async () => {
  const mappings = [mappingSurvey(), mappingSurvey({ mapping: 'messages.2', match: 'msg:{id}', keys: 0 })]
  const finding = await run({ mappings })
  expect(finding.status).toBe('fail')
  expect(finding.samples).toEqual(['mapping messages.2: no key fits msg:{id}'])
  expect(finding.hint).toContain('coverage: { empty: [messages.2] }')
  expect((await run({ mappings }, { empty: ['messages.2'] })).status).toBe('pass')
})

test('fails for an exception to a mapping that does not exist', async () => {
  const finding = await run({}, { empty: ['mesages'] })
  expect(finding.status).toBe('fail')
  expect(finding.measured).toContain('has no mapping mesages')
})

test('says error when the fates do not add up to the keys', async () => {
  const finding = await run({ fates: { migrated: 5 }, keys: 6 })
  expect(finding.status).toBe('error')
  expect(finding.measured).toBe('6 keys in kv: 5 migrated. That does not add up.')
})
