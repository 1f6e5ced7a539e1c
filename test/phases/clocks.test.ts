import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from '../../src/checks/ask.ts'
import { CHECKS } from '../../src/checks/index.ts'
import { openTarget } from '../../src/target/connect.ts'
import { scopeOf } from '../checks/scope.ts'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { startWorld, type World } from './world.ts'

const SESSIONS = `version: 1
plan: users
mappings:
  - { match: 'user:{id}', type: string, into: users, fields: { id: $id, text: $value, expires_at: $expires_at } }
tables:
  users: { columns: { id: text, text: text, expires_at: timestamptz }, primary_key: [id] }
`

let world: World
let kv: FaultyProxy

beforeAll(async () => {
  world = await startWorld({ count: 3, files: { 'plans/users.yaml': SESSIONS } })
  kv = await startProxy(world.redis.port)
  // A Redis whose clock is an hour ahead.
  const script = `local t = redis.call('TIME') return {tostring(t[1] + 3600), t[2]}`
  const ahead = `*3\r\n$4\r\nEVAL\r\n$${script.length}\r\n${script}\r\n$1\r\n0\r\n`
  kv.onRequest((bytes) =>
    Buffer.from(bytes.toString('latin1').replace('*1\r\n$4\r\nTIME\r\n', ahead), 'latin1'),
  )
  expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
})
afterAll(async () => {
  await kv?.close()
  await world?.stop()
})

test('H72 a store whose clock is off is told by plan --live, and keeps gate C closed where rows expire', async () => {
  const through = { KV_URL: `redis://127.0.0.1:${kv.port}/0` }
  const shut = await world.run(['check', '--phase=C'], through)
  expect(shut.stdout).toMatch(
    /✗ fail +clocks +The clock of redis:\S+ is 36\d\d\.\d s ahead of that of the database; this machine’s agrees with it\./,
  )
  expect(shut.stdout).toContain('what expires would go later by so much')
  const planned = await world.run(['plan', '--live', '--no-prove'], through)
  expect(planned.stdout).toMatch(
    /KV204 +warning: The clock of source kv is 36\d\d\.\d s ahead of that of the target/,
  )

  const well = await world.run(['check', '--phase=C'])
  expect(well.stdout).toMatch(/✓ pass +clocks +The clock of redis:\S+ agrees with that of the database/)
  expect((await world.run(['plan', '--live', '--no-prove'])).stdout).not.toContain('KV204')
})

test('H72 this machine may be a minute off, and no more', async () => {
  const target = await openTarget(world.database.url, { root: '.' })
  const asked = (millis: number) =>
    ask(CHECKS.get('clocks')!, { ...scopeOf({ target }), now: () => Date.now() + millis }, {})
  expect((await asked(-59_000)).status).toBe('pass')
  const off = await asked(62_000)
  expect(off).toMatchObject({ status: 'fail', hint: expect.stringContaining('this machine') })
  expect(off.measured).toMatch(/this machine’s is 62\.\d s ahead of it/)
  await target.close()
})
