import { afterEach, expect, test } from 'vitest'
import { startWorld, type World } from './world.ts'

let world: World
afterEach(() => world?.stop())

const PLAN = `version: 1
plan: totals
mappings:
  - match: 'hits:{id}'
    type: string
    into: totals
    merge: { hits: sum, name: coalesce }
    fields: { id: $id, hits: $value | int }
  - { match: 'old-hits:{id}', type: string, into: totals, fields: { id: $id, hits: $value | int } }
  - { match: 'names', type: hash, each: field, into: totals, fields: { id: $field, name: $value } }
tables: { totals: { columns: { id: text, name: text, hits: bigint }, primary_key: [id] } }
gates: { B: [{ full: { drift: 90% }, because: the application goes on writing }] }
`
/** They stay as they are. */
const OTHERS = Array.from({ length: 20 }, (_, at) => `z${at}`)
const rows = async () =>
  (await world.database.query("SELECT * FROM totals WHERE id NOT LIKE 'z%' ORDER BY id")).rows.map((it) =>
    Object.values(it).join(' '),
  )

test('the catch-up of phase B merges what was written to any of the records of a row', async () => {
  world = await startWorld({ count: 1, files: { 'plans/totals.yaml': PLAN } })
  const { client } = world.redis
  for (const id of ['a', 'b', 'c', 'd', 'e', ...OTHERS]) {
    await client.set(`hits:${id}`, '1')
    await client.set(`old-hits:${id}`, '10')
    await client.hset('names', id, id.toUpperCase())
  }
  expect((await world.run(['apply', '--phase=A'])).stdout).toContain('Gate B is open')
  expect(await rows()).toEqual(['a A 11', 'b B 11', 'c C 11', 'd D 11', 'e E 11'])

  await client.set('hits:a', '2')
  await client.set('old-hits:b', '20')
  await client.del('old-hits:c')
  await client.hset('names', 'd', 'Dee')
  await client.del('hits:e', 'old-hits:e')
  await client.hdel('names', 'e')
  await client.set('hits:f', '5')
  await world.instance('web-1')
  const b = await world.run(['apply', '--phase=B', '--expect', '1', 'totals'])
  expect({ code: b.code, out: b.stdout + b.stderr }).toEqual({ code: 0, out: expect.anything() })
  expect(await rows()).toEqual(['a A 12', 'b B 21', 'c C 1', 'd Dee 11', 'f  5'])
  const diff = await world.run(['diff', 'totals'])
  expect(diff.code).toBe(0)

  await client.set('old-hits:f', '50')
  await client.del('hits:a')
  // What is left of a sum is nobody's to write back: the source keeps what it has.
  const reconciled = await world.run(['reconcile', 'totals'])
  expect(reconciled.stdout).not.toContain('repaired')
  expect(reconciled.code).not.toBe(0)
  expect(await client.get('hits:f')).toBe('5')
  const c = await world.run(['apply', '--phase=C', 'totals'])
  expect(c.stdout).toMatch(/fail {2}one_way[\s\S]*totals\.hits: made of several records \(sum\)/)
  expect(c.code).toBe(3)
})
