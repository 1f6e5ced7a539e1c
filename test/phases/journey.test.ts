import { afterEach, expect, test } from 'vitest'
import { SCORES, startWorld, USERS, user, type World } from './world.ts'

let world: World
afterEach(() => world?.stop())

const A = ['apply', '--phase=A']
const B = ['apply', '--phase=B', '--expect', '1']
const C = ['apply', '--phase=C']
/** The application never stands still, so the copy is behind by a little. */
const DRIFTING = `${USERS}gates: { B: [{ full: { drift: 20% }, because: the application goes on writing }] }\n`

const alike = async () => {
  const { source, target } = await world.users()
  expect(target).toEqual(source)
}

test('H01 H05 goes from A to B to C, back to B and back to A, and loses no write', async () => {
  world = await startWorld({ files: { 'plans/users.yaml': DRIFTING } })
  const a = await world.run(A)
  expect(a.stdout + a.stderr).toContain('Gate B is open')
  const app = await world.instance('web-1')
  const users = app.store('users')
  const { client } = world.redis

  // What an instance without the runtime writes after the copy: a change, a new one, a deletion.
  await client.set('user:1', user('changed'))
  await client.set('user:new', user('new'))
  await client.del('user:2')
  const b = await world.run(B)
  expect(b.stdout).toMatch(
    /✓ done {2}users {2}catch-up {2}\d+ rows compared, 2 rows written, 1 row deleted, 2 passes/,
  )
  expect(b.code).toBe(0)
  await alike()
  expect((await world.run(B)).stdout).toContain('= kept')

  await users.put({ id: '3', name: 'both', visits: 1 })
  await users.delete({ id: '4' })
  await alike()

  // Gate C wants a comparison first.
  const early = await world.run(C)
  expect(early.stdout).toMatch(/… pending {2}reconciled/)
  expect(early.code).toBe(5)
  const reconciled = await world.run(['reconcile'])
  expect(reconciled.stdout).toContain('no difference is left')
  const c = await world.run(C)
  expect(c.stdout).toContain('phase C')
  expect(c.code).toBe(0)
  await users.put({ id: '5', name: 'in C', visits: 7 })
  expect(await users.get({ id: '5' })).toMatchObject({ name: 'in C' })

  const back = await world.run(['rollback'])
  expect(back.stdout).toMatch(/✓ done {2}users {2}route {2}phase B/)
  expect(back.code).toBe(0)
  expect(await users.get({ id: '5' })).toMatchObject({ name: 'in C' })
  await alike()
  expect((await world.run(['rollback', '--to=B'])).stdout).toContain('= kept')

  // Forward again needs no copy.
  expect((await world.run(C)).code).toBe(0)
  expect((await world.run(['rollback', '--to=A'])).stdout).toContain('phase A')
  await users.put({ id: '6', name: 'in A again', visits: 1 })
  expect(JSON.parse((await client.get('user:6'))!)).toMatchObject({ name: 'in A again' })
  expect((await world.run(B)).code).toBe(0)
  await alike()
})

test('phases come one after the other, and A does nothing to a plan that is further', async () => {
  world = await startWorld({ files: { 'plans/users.yaml': DRIFTING } })
  expect((await world.run(B)).stderr).toContain('PHASE_ORDER')
  await world.run(A)
  expect((await world.run(C)).stderr).toContain('PHASE_ORDER')
  await world.instance('web-1')
  expect((await world.run(['apply', '--phase=B'])).stderr).toContain('FLEET_UNKNOWN')
  expect((await world.run(B)).code).toBe(0)
  const again = await world.run([...A, '--again'])
  expect(again.stderr).toContain('PHASE_PAST')
  expect(again.code).toBe(1)
})

test('names the instances that have not confirmed, and goes on when they have', async () => {
  world = await startWorld({ files: { 'plans/users.yaml': DRIFTING } })
  await world.run(A)
  await world.instance('web-1')
  // One that hangs: it said once that it is alive, with the route of A.
  await world.database.query(
    `INSERT INTO kvmig.instance (id, version, host, epochs, seen_at) VALUES ('web-2', '0', 'far', '{"users":1}', clock_timestamp() + interval '1 hour')`,
  )
  await world.redis.client.set('user:late', user('late'))
  const waiting = await world.run([...B, '--wait', '3'])
  expect(waiting.stdout).toMatch(
    /… waiting {2}users {2}fleet {2}web-2 on far of 2 instances has not confirmed epoch 2/,
  )
  expect(waiting.stderr).toContain(
    'users: web-2 on far of 2 instances has not confirmed epoch 2. Waiting for 3 s at most.',
  )
  expect(waiting.code).toBe(5)
  // Not caught up: the rollout window is open until everybody has confirmed.
  const { target } = await world.users()
  expect(target.late).toBeUndefined()
  await world.database.query(`DELETE FROM kvmig.instance WHERE id = 'web-2'`)
  const done = await world.run([...B, '--wait', '10'])
  expect(done.stdout).toContain('1 row written')
  expect(done.code).toBe(0)
  await alike()

  await world.run(['reconcile'])
  await world.database.query(
    `INSERT INTO kvmig.instance (id, version, host, epochs, seen_at) VALUES ('web-3', '0', 'far', '{"users":2}', clock_timestamp() + interval '1 hour')`,
  )
  const late = await world.run([...C, '--wait', '3'])
  expect(late.stdout).toMatch(/pending {2}fleet .*1 instance of 2 confirmed epoch 3/)
  expect(late.stdout).toContain('web-3 on far')
  expect(late.code).toBe(5)
  await world.database.query(`DELETE FROM kvmig.instance WHERE id = 'web-3'`)
  expect((await world.run(C)).code).toBe(0)
})

test('H59 a store that was emptied takes no row along', async () => {
  world = await startWorld({ files: { 'plans/users.yaml': DRIFTING.replace('20%', '100%') } })
  await world.run(A)
  await world.instance('web-1')
  await world.redis.client.set('user:x', user('x'))
  const names = Array.from({ length: 40 }, (_, n) => `user:${n}`)
  await world.redis.client.del(...names)
  const stopped = await world.run(B)
  expect(stopped.stderr).toMatch(/FUSE {2}40 of 5\d rows of users/)
  expect(stopped.code).toBe(3)
  const { target } = await world.users()
  expect(Object.keys(target)).toHaveLength(50)
  const confirmed = await world.run([...B, '--confirm-deletes=40'])
  expect(confirmed.stdout).toContain('40 rows deleted')
  expect(confirmed.code).toBe(0)
  await alike()
})

test('H57 reconcile repairs the source from Postgres, and says what it cannot judge', async () => {
  world = await startWorld({ files: { 'plans/users.yaml': DRIFTING, 'plans/scores.yaml': SCORES } })
  const { client } = world.redis
  await client.hset('scores:chess', { ann: '1', bo: '2' })
  await world.run(A)
  const app = await world.instance('web-1')
  expect((await world.run(B)).code).toBe(0)
  await app.store('scores').put({ game: 'chess', player: 'ann', points: 5n })
  await app.store('users').delete({ id: '9' })

  // KV loses data, and somebody writes behind the protocol's back.
  await client.del('user:1')
  await client.set('user:2', user('foreign'))
  await client.hset('scores:chess', 'ann', '1')
  await client.set('user:9', user('risen'))
  await client.set('user:only', user('only here'))
  const differs = await world.run(['diff', '--out', 'diff.jsonl'])
  expect(differs.code).toBe(3)

  const first = await world.run(['reconcile', '--from', 'diff.jsonl'])
  expect(first.stdout).toMatch(
    /users {2,}reconcile.*3 records repaired in the source, 1 record is in the source alone/,
  )
  expect(first.stdout).toMatch(/scores {2,}reconcile.*1 record repaired in the source/)
  expect(first.code).toBe(3)
  expect(JSON.parse((await client.get('user:2'))!)).toMatchObject({ name: 'name 2' })
  expect(await client.hget('scores:chess', 'ann')).toBe('5')
  expect(await client.exists('user:9')).toBe(0)

  const second = await world.run(['reconcile', '--adopt'])
  expect(second.stdout).toContain('1 record taken over from the source')
  expect(second.code).toBe(0)
  await alike()
})

test('reconcile gives a record of many rows back to the source as a whole', async () => {
  const lists = `version: 1
plan: lists
mappings:
  - { match: 'list:{id}', type: list, each: item, into: lists, fields: { id: $id, place: $index, item: $item } }
tables:
  lists: { columns: { id: text, place: integer, item: text not null }, primary_key: [id, place] }
gates: { B: [{ full: { drift: 50% }, because: nobody else writes }] }
`
  world = await startWorld({ files: { 'plans/lists.yaml': lists } })
  const { client } = world.redis
  for (const id of ['lost', 'changed', 'same', 'risen']) await client.rpush(`list:${id}`, 'a', 'b', 'c')
  await world.run(A)
  const app = await world.instance('web-1')
  expect((await world.run(B)).code).toBe(0)
  const redis = app.wrap(client)
  // Refused until the instance has heard that the rollout is over: behind a pooler it is not told, and looks every second.
  const pushed = () => redis.rpush('list:lost', 'd').catch((it) => it.code)
  await expect.poll(pushed).not.toBe('ROLLOUT_COMMAND')
  await redis.del('list:risen')

  await client.del('list:lost')
  await client.rpop('list:changed')
  await client.lset('list:changed', 0, 'z')
  await client.rpush('list:risen', 'a')
  const first = await world.run(['reconcile', 'lists'])
  expect(first.stdout).toMatch(/lists {2,}reconcile.*3 records repaired in the source/)
  expect(first.code).toBe(0)
  expect(await client.lrange('list:lost', 0, -1)).toEqual(['a', 'b', 'c', 'd'])
  expect(await client.lrange('list:changed', 0, -1)).toEqual(['a', 'b', 'c'])
  expect(await client.lrange('list:same', 0, -1)).toEqual(['a', 'b', 'c'])
  expect(await client.exists('list:risen')).toBe(0)
})

test('a drill goes there and back, and gate C takes it for evidence', async () => {
  const gates = `gates: { B: [{ full: { drift: 20% }, because: busy }], C: [rollback_drill] }\n`
  world = await startWorld({ files: { 'plans/users.yaml': USERS + gates } })
  await world.run(A)
  await world.instance('web-1')
  expect((await world.run(B)).code).toBe(0)
  await world.run(['reconcile'])
  expect((await world.run(C)).stdout).toMatch(/pending {2}rollback_drill/)
  const drill = await world.run(['drill', '--yes'])
  expect(drill.stdout).toMatch(
    /there and back to phase B; the way back took \d\.\d s; 100 rows compared, 0 differences/,
  )
  expect((await world.run(C)).code).toBe(0)
})
