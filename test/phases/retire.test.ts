import { afterAll, beforeAll, expect, test } from 'vitest'
import { passDays, rest } from './days.ts'
import { startWorld, USERS, user, type World } from './world.ts'

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
  // Of second rank: whoever it was, and whatever they asked for.
  expect(held.stdout).toMatch(
    /server +redis:\S+ has carried out \d+ commands on keys since \S+ \(.*\), none for 0 seconds: of the whole server/,
  )

  await rest(world.redis.client, 'user:7', 2)
  const plan = (idle: string) => `${USERS}gates: { D: [{ idle: ${idle} }] }\n`
  world.write('plans/users.yaml', plan('{ for: 24h, server: true }'))
  const whole = await world.run(D)
  expect(whole.stdout).toMatch(
    /let go +the whole server has to be without a command on a key for 1 day, and has been for/,
  )
  expect(whole.code).toBe(5)
  world.write('plans/users.yaml', plan('24h'))
})

test('a key that came since the archive keeps all of them there: nobody has it anywhere else', async () => {
  await world.redis.client.set('user:late', user('of a forgotten writer'))
  await world.redis.client.set('note:x', 'of nobody')
  const held = await world.run(D)
  expect(held.stdout).toMatch(
    /failed {2}users {2}let go +1 key of users came to the source since it was archived, e\.g\. user:late: .* Nothing was deleted/,
  )
  expect(held.stdout).toContain('kvmig archive users')
  expect(held.code).toBe(3)
  expect(await world.redis.client.keys('user:*')).toHaveLength(13)
  await world.redis.client.del('user:late')
})

test('a key that holds something else by now stays until somebody has looked at it', async () => {
  await world.redis.client.set('user:8', user('changed'))
  await rest(world.redis.client, 'user:8', 2)
  const first = await world.run(D)
  expect(first.stdout).toMatch(/let go +11 keys deleted; 1 key holds something else by now and stays: user:8/)
  expect(first.code).toBe(3)
  const again = await world.run(D)
  expect(again.stdout).toMatch(/let go +0 keys deleted; 1 key holds something else by now and stays: user:8/)
  expect(again.code).toBe(3)
  expect((await world.run(['status'])).stdout).toContain('1 archived key holds something else by now')
  await world.redis.client.del('user:8')
  expect((await world.run(D)).code).toBe(0)
  expect((await world.run(D)).stdout).toMatch(/= kept +users +let go +11 keys of the source were deleted/)
  expect(await world.redis.client.keys('user:*')).toEqual([])
})
