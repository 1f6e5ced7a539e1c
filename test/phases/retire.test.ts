import { afterAll, beforeAll, expect, test } from 'vitest'
import { passDays, rest } from './days.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
const D = ['apply', '--phase=D', '--point-of-no-return', '--yes']
let archive: string

beforeAll(async () => {
  world = await startWorld({
    count: 12,
    files: {
      'plans/users.yaml': `${USERS}gates: { B: [{ full: { drift: 20% }, because: busy }], D: [{ idle: 24h }] }\n`,
    },
  })
  await world.run(['apply', '--phase=A'])
  const app = await world.instance('web-1', { shadow: 0 })
  await world.run(['apply', '--phase=B', '--expect=1'])
  await world.run(['reconcile'])
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
  const begun = await world.run(D)
  expect(begun.code).toBe(5)
  archive = /keys in \.\/(archive\/\S+),/.exec(begun.stdout)![1]!
  await app.store('users').delete({ id: '3' })
})
afterAll(() => world?.stop())

test('an archive brings nothing back that was deleted since, unless somebody says so', async () => {
  const refused = await world.run(['restore', archive, '--yes', '--replace'])
  expect(refused.stderr).toContain(
    'DELETED_SINCE  1 record of users was deleted by the application since this archive was made',
  )
  expect(refused.code).toBe(1)
  await world.redis.client.del('user:3', 'user:4')
  const without = await world.run(['restore', archive, '--yes', '--without-deleted'])
  expect(without.stdout).toContain('1 left, 10 same, 1 written')
  expect(await world.redis.client.exists('user:3')).toBe(0)
  const all = await world.run(['restore', archive, '--yes', '--with-deleted'])
  expect(all.stdout).toContain('11 same, 1 written')
  expect((await world.run(['restore', archive, '--with-deleted', '--without-deleted'])).stderr).toContain(
    'USAGE',
  )
})

test('whoever still reads the old store is noticed by the store itself, and keeps its keys there', async () => {
  await passDays(31, world.database, world.redis.client)
  // Not by way of kvmig/runtime.
  await world.redis.client.get('user:7')
  const held = await world.run(D)
  expect(held.stdout).toMatch(
    /let go +1 archived key was read or written in the store within 1 day, e\.g\. user:7: who is that\?/,
  )
  expect(held.code).toBe(5)
  expect(await world.redis.client.keys('user:*')).toHaveLength(12)

  await rest(world.redis.client, 'user:7', 2)
  const done = await world.run(D)
  expect(done.stdout).toMatch(/let go +12 keys deleted/)
  expect(done.code).toBe(0)
  expect(await world.redis.client.keys('user:*')).toEqual([])
})
