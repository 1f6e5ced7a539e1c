import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
let other: FreshRedis
let app: Kvmig
const B = ['apply', '--phase=B', '--expect=1']

beforeAll(async () => {
  world = await startWorld({
    count: 20,
    files: {
      'plans/users.yaml': `${USERS.replace(
        'mappings:\n',
        "mappings:\n  - { match: 'session:{_}', ephemeral: alive for minutes }\n",
      )}gates: { B: [{ full: { drift: 20% }, because: busy }] }\n`,
    },
  })
  other = await freshRedis()
  for (let n = 0; n < 100; n++) await world.redis.client.set(`session:${n}`, 'x')
  expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
  app = await world.instance('web-1', { shadow: 0 })
})
afterAll(async () => {
  await world?.stop()
  await other?.stop()
})

test('H59 on the word of a store that has lost a tenth of its keys no row is deleted unasked', async () => {
  const { client } = world.redis
  await client.del('user:1', ...Array.from({ length: 30 }, (_, n) => `session:${n}`))
  const stopped = await world.run(B)
  expect(stopped.stderr).toMatch(
    /FUSE {2}redis:\S+ has 89 keys, and had 120 when users was copied\. Before a row is deleted .* nothing was changed/,
  )
  expect(stopped.code).toBe(3)
  expect(Object.keys((await world.users()).target)).toHaveLength(20)
  const confirmed = await world.run([...B, '--confirm-deletes=1'])
  expect(confirmed.stdout).toContain('1 row deleted')
  expect(confirmed.code).toBe(0)
})

test('H60 nothing is carried to a store that does not know of the plan, and none is read from', async () => {
  await world.run(['reconcile'])
  const wrong = { KV_URL: other.url }
  for (const args of [['reconcile'], ['drill', '--yes'], ['apply', '--phase=C']]) {
    const refused = await world.run(args, wrong)
    expect(refused.stderr).toContain('STORE_FORGOT')
    expect(refused.code).toBe(1)
  }
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
  const back = await world.run(['rollback'], wrong)
  expect(back.stderr).toContain('does not know that users is written to both stores')
  expect(back.code).toBe(1)
  expect((await world.run(['apply', '--phase=D', '--point-of-no-return'], wrong)).stderr).toContain(
    'STORE_FORGOT',
  )
  expect(await other.client.dbsize()).toBe(0)
  expect((await world.run(['status'])).stdout).toContain('phase C')
})

test('H57 a store that lost everything is written again from Postgres, when somebody says that it did', async () => {
  await world.redis.client.flushall()
  expect((await world.run(['rollback'])).stderr).toContain('kvmig reconcile users --emptied')
  const again = await world.run(['reconcile', '--emptied'])
  expect(again.stdout).toContain('19 records repaired in the source, no difference is left')
  expect(again.code).toBe(0)
  expect((await world.run(['rollback'])).code).toBe(0)
  const { source, target } = await world.users()
  expect(source).toEqual(target)
  expect(await app.store('users').get({ id: '2' })).toMatchObject({ name: 'name 2' })
})
