import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { startWorld, USERS, user, type World } from './world.ts'

const NAMES = ['users', 'pets', 'cars', 'bags']
const planOf = (name: string): string =>
  `${USERS.replace('plan: users', `plan: ${name}`)
    .replace('user:{id}', `${name.slice(0, -1)}:{id}`)
    .replaceAll('into: users', `into: ${name}`)
    .replace('  users:', `  ${name}:`)}gates: { B: [{ full: { drift: 50% }, because: busy }] }\n`

let world: World
let kv: FaultyProxy
let scans = 0

beforeAll(async () => {
  const files = Object.fromEntries(NAMES.map((it) => [`plans/${it}.yaml`, planOf(it)]))
  world = await startWorld({ count: 40, files })
  for (const name of NAMES.slice(1))
    for (let n = 0; n < 40; n++)
      await world.redis.client.set(`${name.slice(0, -1)}:${n}`, user(`${name} ${n}`))
  kv = await startProxy(world.redis.port)
  // A scan begins at cursor 0.
  kv.onRequest((bytes) => {
    scans += bytes.toString('latin1').split('$4\r\nSCAN\r\n$1\r\n0\r\n').length - 1
  })
  expect((await run('apply', '--phase=A')).code).toBe(0)
  await world.instance('web-1', { shadow: 0 })
  const { client } = world.redis
  for (const name of ['user', 'pet', 'car']) {
    await client.set(`${name}:new`, user('new'))
    await client.del(`${name}:1`)
  }
  await client.del(...Array.from({ length: 10 }, (_, n) => `bag:${n}`))
})
afterAll(async () => {
  await kv?.close()
  await world?.stop()
})

const run = (...args: string[]) => world.run(args, { KV_URL: `redis://127.0.0.1:${kv.port}/0` })

test('plans that go into B together read their source together, and one that the fuse stops keeps nobody back', async () => {
  scans = 0
  const done = await run('apply', '--phase=B', '--expect=1')
  expect(done.code).toBe(3)
  for (const name of ['users', 'pets', 'cars'])
    expect(done.stdout).toMatch(
      new RegExp(`✓ done +${name} +catch-up +40 rows compared, 1 row written, 1 row deleted, 2 passes`),
    )
  expect(done.stdout).toMatch(/✗ failed +bags +catch-up +FUSE: 10 of 40 rows of bags .* --confirm-deletes=10/)
  // The gate, and two passes: each looks once, and once more at what differs.
  expect(scans).toBeLessThanOrEqual(6)
  const status = JSON.parse((await run('status', '--json')).stdout)
  expect(status.plans.map((it: { plan: string; later: { to: string } }) => [it.plan, it.later.to])).toEqual(
    [...NAMES].sort().map((it) => [it, it === 'bags' ? 'B' : 'C']),
  )

  const confirmed = await run('apply', '--phase=B', '--expect=1', '--confirm-deletes=10')
  expect(confirmed.stdout).toMatch(/✓ done +bags +catch-up +30 rows compared, 10 rows deleted/)
  expect(confirmed.code).toBe(0)
})

test('reconcile reads it together, too', async () => {
  scans = 0
  const done = await run('reconcile')
  expect(done.stdout.match(/no difference is left/g)).toHaveLength(4)
  expect(done.code).toBe(0)
  expect(scans).toBe(1)
})

test('a rollback that is said twice, with --yes, does not drop what it has brought back to A', async () => {
  expect((await run('apply', '--phase=C', 'pets')).code).toBe(0)
  expect((await run('rollback', '--to=A', 'pets')).stdout).toMatch(/✓ done +pets +route +phase A/)
  const again = await run('rollback', '--yes', 'pets')
  expect(again.stdout).toMatch(
    /= kept +pets +route +phase A since .*, where a rollback brought it; its tables stay/,
  )
  expect(again.code).toBe(0)
  expect((await world.database.query('SELECT count(*)::int AS n FROM pets')).rows[0].n).toBe(40)
  // Gate C was asked last, and it is gate B that it goes on through.
  expect((await run('status')).stdout).toMatch(/pets +phase A .* gate B open +✓ can go to B/)

  const dropped = await run('rollback', '--yes', '--drop', 'pets')
  expect(dropped.stderr).toContain('- pets  the table goes, with 40 rows')
  expect(dropped.code).toBe(0)
})
