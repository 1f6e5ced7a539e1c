import { afterEach, beforeEach, expect, test } from 'vitest'
import { startWorld, type World } from './world.ts'

let world: World
afterEach(() => world?.stop())

const MAPPINGS = `  - match: 'hits:{id}'
    type: string
    into: totals
    merge: { hits: sum, name: coalesce }
    fields: { id: $id, hits: $value | int }
  - { match: 'old-hits:{id}', type: string, into: totals, fields: { id: $id, hits: $value | int } }
  - { match: 'names', type: hash, each: field, into: totals, fields: { id: $field, name: $value } }
`
const PLAN = `version: 1
plan: totals
mappings:
${MAPPINGS}tables: { totals: { columns: { id: text, name: text, hits: bigint }, primary_key: [id] } }
gates: { B: [{ full: { drift: 90% }, because: the application goes on writing }] }
`
/** They stay as they are. */
const OTHERS = Array.from({ length: 20 }, (_, at) => `z${at}`)
const AGAIN = ['apply', '--phase=A', '--again', 'totals']
const rows = async () =>
  (await world.database.query("SELECT * FROM totals WHERE id NOT LIKE 'z%' ORDER BY id")).rows.map((it) =>
    Object.values(it).join(' '),
  )

beforeEach(async () => {
  world = await startWorld({ count: 1, files: { 'plans/totals.yaml': PLAN } })
  const { client } = world.redis
  for (const id of ['a', 'b', 'c', 'd', 'e', ...OTHERS]) {
    await client.set(`hits:${id}`, '1')
    await client.set(`old-hits:${id}`, '10')
    await client.hset('names', id, id.toUpperCase())
  }
  expect((await world.run(['apply', '--phase=A'])).stdout).toContain('Gate B is open')
  expect(await rows()).toEqual(['a A 11', 'b B 11', 'c C 11', 'd D 11', 'e E 11'])
})

test('a plan of merged rows stays in A: there --again merges what was written to any of their records, and what is left of them', async () => {
  const { client } = world.redis
  await client.set('hits:a', '2')
  await client.set('old-hits:b', '20')
  await client.del('old-hits:c')
  await client.hset('names', 'd', 'Dee')
  await client.hdel('names', 'b')
  await client.del('hits:e', 'old-hits:e')
  await client.hdel('names', 'e')
  await client.set('hits:f', '5')
  const again = await world.run(AGAIN)
  expect(again.stdout).toContain('1 row deleted')
  expect(again.code).toBe(0)
  expect(await rows()).toEqual(['a A 12', 'b  21', 'c C 1', 'd Dee 11', 'f  5'])
  expect((await world.run(['diff', 'totals'])).code).toBe(0)

  // All but one of its records went, and came back, and the one that had the row went.
  await client.del('hits:a', 'old-hits:d')
  await client.hdel('names', 'a', 'd')
  await client.set('hits:e', '7')
  expect((await world.run(AGAIN)).code).toBe(0)
  expect(await rows()).toEqual(['a  10', 'b  21', 'c C 1', 'd  1', 'e  7', 'f  5'])
  expect((await world.run(['diff', 'totals'])).code).toBe(0)
})

test('H59 a source that was emptied takes no merged row along', async () => {
  const { client } = world.redis
  await client.del(...OTHERS.flatMap((it) => [`hits:${it}`, `old-hits:${it}`]))
  await client.hdel('names', ...OTHERS)
  const stopped = await world.run(AGAIN)
  expect(stopped.stdout + stopped.stderr).toMatch(/FUSE {2}20 of 25 rows of totals/)
  expect(stopped.code).toBe(3)
  const there = async () => (await world.database.query('SELECT 1 FROM totals')).rows.length
  expect(await there()).toBe(25)
  const confirmed = await world.run([...AGAIN, '--confirm-deletes=20'])
  expect(confirmed.stdout).toContain('20 rows deleted')
  expect(confirmed.code).toBe(0)
  expect(await there()).toBe(5)
})

test('B refuses a plan of merged rows by name, with the words of the runtime, and goes on with the others', async () => {
  const app = await world.instance('web-1')
  const because = /rows of totals are made of several records, and a write would have to know them all/
  const refused = await world.run(['apply', '--phase=B', '--expect', '1', 'totals'])
  expect(refused.stderr).toMatch(
    /DUAL_WRITE {2}Plan totals stays in phase A: hits:\{id\} cannot be written to both sides/,
  )
  expect(refused.stderr).toMatch(because)
  expect(refused.stderr).toContain('kvmig apply --phase=A --again totals')
  expect(refused.code).toBe(1)
  await expect(app.wrap(world.redis.client).set('hits:a', '5')).rejects.toMatchObject({
    code: 'DUAL_WRITE',
    message: expect.stringMatching(because),
  })

  const all = await world.run(['apply', '--phase=B', '--expect', '1'])
  expect(all.stdout).toMatch(/= kept {2}totals {2}phase A/)
  expect(all.stdout).toMatch(because)
  expect(all.stdout).toMatch(/users +catch-up/)
  expect(all.code).toBe(0)
  const { rows: routes } = await world.database.query('SELECT plan, phase FROM kvmig.route ORDER BY plan')
  expect(routes).toEqual([
    { plan: 'totals', phase: 'A' },
    { plan: 'users', phase: 'B' },
  ])
})

test('where only some mappings are in the way, B names them as read only', async () => {
  const mixed = PLAN.replace(
    'tables: {',
    "  - { match: 'color:{id}', type: string, into: colors, fields: { id: $id, color: $value } }\ntables: { colors: { columns: { id: text, color: text }, primary_key: [id] },",
  )
  await world.redis.client.set('color:a', 'red')
  world.write('plans/totals.yaml', mixed)
  expect((await world.run(['apply', '--phase=A', '--yes'])).code).toBe(0)
  const app = await world.instance('web-1')
  const b = await world.run(['apply', '--phase=B', '--expect', '1', 'totals'])
  expect(b.stdout).toMatch(/read only {2}names cannot be written to both sides: rows of totals are made/)
  expect(b.code).toBe(0)
  const redis = app.wrap(world.redis.client)
  await redis.set('color:a', 'blue')
  await expect(redis.hset('names', 'a', 'x')).rejects.toMatchObject({ code: 'DUAL_WRITE' })
  expect((await world.database.query('SELECT color FROM colors')).rows).toEqual([{ color: 'blue' }])
})
