import { expect, test } from 'vitest'
import { compilePlans, hash, list, set, stream, string, zset } from '../mapping/compiled.ts'

const PLAN = `mappings:
  - { match: 'misc:{_:rest}', into: kvmig.leftovers }
`
const sha = (text: string) => expect.stringMatching(new RegExp(`^[0-9a-f]{64}$|${text}`))
const expiresAt = Date.parse('2036-01-01T00:00:00Z')
const expires_at = BigInt(expiresAt) * 1000n

test('leftovers take strings, fields, items and members, byte for byte, with their expiry', async () => {
  const { forward } = await compilePlans(PLAN)
  const bytes = Buffer.from([0, 255])
  const rows = [
    string('misc:a', bytes, { expiresAt }),
    hash('misc:b', { f: bytes }),
    list('misc:c', ['x', 'x']),
    set('misc:d', [bytes]),
    zset('misc:e', [['m', 1.5]]),
    stream('misc:s', [['1-1', { a: 'b' }]]),
  ].flatMap((it) => forward(it).rows.map(({ cells }) => cells))
  const row = (key: string, part: unknown, type: string, value: Buffer, more = {}) => ({
    key,
    part,
    type,
    value,
    expires_at: null,
    ...more,
  })
  expect(rows).toEqual([
    row('misc:a', '', 'string', bytes, { expires_at }),
    row('misc:b', 'f', 'hash', bytes),
    row('misc:c', '0', 'list', Buffer.from('x')),
    row('misc:c', '1', 'list', Buffer.from('x')),
    row('misc:d', sha(''), 'set', bytes),
    row('misc:e', sha(''), 'zset', Buffer.from('m'), { score: 1.5 }),
    { key: 'misc:s', part: '1-1', type: 'stream', fields: '{"a": "b"}', expires_at: null },
  ])
})

test('leave nothing untold, and refuse what they cannot take', async () => {
  const { forward } = await compilePlans(PLAN)
  expect(forward(hash('misc:b', { f: 'x' })).unmapped).toEqual([])
  expect(forward(stream('misc:s', [['1-1', { a: Buffer.from([255]) }]])).rejects).toMatchObject([
    { code: 'INVALID_UTF8' },
  ])
})

test('have one table, in the schema of kvmig', async () => {
  const { project } = await compilePlans(PLAN)
  expect(project.plans[0]?.tables.map((it) => it.name)).toEqual([{ schema: 'kvmig', table: 'leftovers' }])
  expect(project.plans[0]?.rules.map((it) => it.kind === 'mapping' && it.type)).toEqual([
    'string',
    'hash',
    'list',
    'set',
    'zset',
    'stream',
  ])
})

test('take one type only where that is said', async () => {
  const { forward } = await compilePlans(PLAN.replace('into:', 'type: hash, into:'))
  expect(forward(hash('misc:b', { f: 'x' })).rows).toHaveLength(1)
  expect(forward(string('misc:a', 'x')).rejects).toMatchObject([{ code: 'KEY_TYPE_MISMATCH' }])
})
