import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { flip } from '../runtime/world.ts'
import { startWorld, user } from './world.ts'

// A release of the application in B or C writes a field that no column takes, or an expiry: gate B was long ago.

const PROFILES = `version: 1
plan: profiles
mappings:
  - { match: 'profile:{id}', type: hash, into: profiles, fields: { id: $id, name: name, visits: visits | int | default(0) } }
tables:
  profiles: { columns: { id: text, name: text, visits: bigint not null }, primary_key: [id] }
`
const world = await startWorld({
  count: 3,
  files: { 'plans/profiles.yaml': PROFILES },
})
const { client } = world.redis
await client.hset('profile:1', 'name', 'Ann')
expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
const app = await world.instance('web', { shadow: 0 }, { tellMillis: 20 })
const redis = app.wrap(new Redis(world.redis.url))
const target = await openTarget(world.database.url)
const begun = await world.run(['apply', '--phase=B', '--expect', '1'])
expect(begun.code, begun.stdout + begun.stderr).toBe(0)
afterAll(async () => {
  redis.disconnect()
  await target.close()
  await world.stop()
})

const gateC = async (plan: string): Promise<string> =>
  (await world.run(['check', '--phase=C', plan])).stdout.split('\n').find((it) => /one_way/.test(it))!
const counted = async (plan: string): Promise<number> => {
  const { rows } = await world.database.query(
    `SELECT coalesce(sum(count), 0)::int AS n FROM kvmig.counter WHERE plan = $1 AND name = 'write.unmapped'`,
    [plan],
  )
  return rows[0].n
}

test('in B it is written, counted, and closes gate C by name, until it is gone again', async () => {
  expect(await gateC('profiles')).toMatch('pass')
  expect(await redis.hset('profile:1', 'shoe', '9')).toBe(1)
  expect(await redis.hget('profile:1', 'shoe')).toBe('9')
  await expect.poll(() => counted('profiles')).toBe(1)
  const { stdout } = await world.run(['check', '--phase=C', 'profiles'])
  expect(stdout).toMatch(/fail +one_way +1 record of 1 mapping: 1 field that no column takes\. +KV332/)
  expect(stdout).toContain('profiles: shoe (1 record, such as profile:1)')
  // What was there before is not this write's.
  await redis.hset('profile:1', 'name', 'Bo')
  await redis.hdel('profile:1', 'shoe')
  expect(await gateC('profiles')).toMatch('pass')
  expect(await counted('profiles')).toBe(1)
})

test('so does an expiry that no column takes', async () => {
  await redis.set('user:1', user('one'), 'EX', 1000)
  await expect.poll(() => counted('users')).toBe(1)
  expect(await gateC('users')).toMatch('fail')
  await redis.persist('user:1')
  expect(await gateC('users')).toMatch('pass')
})

test('in C it is refused, and nothing of it is anywhere', async () => {
  await redis.hset('profile:2', 'name', 'Cy', 'shoe', '9')
  for (const plan of ['users', 'profiles']) await flip(target, plan, 'C')
  await expect
    .poll(() => redis.object('ENCODING', 'user:1').catch((it) => it.code))
    .toBe('COMMAND_UNSUPPORTED')
  await expect
    .poll(() => redis.object('ENCODING', 'profile:1').catch((it) => it.code))
    .toBe('COMMAND_UNSUPPORTED')
  const refused = { code: 'REJECTED', message: expect.stringContaining('no column takes hat') }
  await expect(redis.hset('profile:1', 'name', 'Dan', 'hat', '7')).rejects.toMatchObject(refused)
  await expect(redis.set('user:2', '{"name":"x","hat":1}')).rejects.toMatchObject(refused)
  await expect(
    redis.multi().hincrby('profile:1', 'visits', 1).hset('profile:1', 'hat', '7').exec(),
  ).rejects.toMatchObject(refused)
  await expect(redis.expire('user:1', 100)).rejects.toThrow('no column takes $expires_at')
  expect(await client.hgetall('profile:1')).toEqual({ name: 'Bo' })
  expect(await client.ttl('user:1')).toBe(-1)
  expect(await redis.hget('profile:1', 'name')).toBe('Bo')
  // A record that had one in B goes on with what has columns.
  expect(await redis.hincrby('profile:2', 'visits', 2)).toBe(2)
  expect(await client.hgetall('profile:2')).toEqual({ name: 'Cy', shoe: '9', visits: '2' })
})
