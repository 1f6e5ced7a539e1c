import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { outboxDepth } from '../../src/state/outbox.ts'
import { isBeforeSeven } from '../sources/server-version.ts'
import { COUNTERS, PLANS, startWorld } from './world.ts'

const world = await startWorld('postgres', {
  users: PLANS.users!,
  scores: PLANS.scores!,
  sessions: PLANS.sessions!,
  counters: COUNTERS,
  profiles: `
version: 1
plan: profiles
mappings:
  - { match: 'profile:{id}', type: hash, into: profiles, fields: { id: $id, name: name, visits: visits | int | default(0) } }
tables:
  profiles: { columns: { id: text, name: text, visits: bigint not null }, primary_key: [id] }
`,
  tags: `
version: 1
plan: tags
mappings:
  - { match: 'tags:{id}', type: set, each: member, into: tags, fields: { id: $id, tag: $member } }
tables:
  tags: { columns: { id: text, tag: text }, primary_key: [id, tag] }
`,
  lists: `
version: 1
plan: lists
mappings:
  - { match: 'list:{id}', type: list, each: item, into: lists, fields: { id: $id, place: $index, item: $item } }
tables:
  lists: { columns: { id: text, place: integer, item: text not null }, primary_key: [id, place] }
`,
})
const ALL = ['users', 'scores', 'sessions', 'counters', 'profiles', 'tags', 'lists']
await world.applyA()
const kvmig = await world.connect({ shadow: 0 })
const raw = new Redis(world.redis.url)
const plain = new Redis(world.redis.url, { db: 1 })
afterAll(() => {
  raw.disconnect()
  plain.disconnect()
})
const redis = kvmig.wrap(raw)

type Command = readonly [name: string, ...args: readonly string[]]

const value = fc.integer({ min: -5, max: 5 }).map(String)
const player = fc.constantFrom('ann', 'bo', 'cy')
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(fc.constantFrom('set', 'setnx', 'getset'), fc.constantFrom('counter:1', 'counter:2'), value),
  fc.tuple(
    fc.constantFrom('incr', 'decr', 'get', 'getdel', 'exists', 'strlen'),
    fc.constantFrom('counter:1', 'counter:2'),
  ),
  fc.tuple(fc.constantFrom('incrby', 'decrby'), fc.constant('counter:1'), value),
  fc.tuple(fc.constant('set'), fc.constant('counter:1'), value, fc.constantFrom('NX', 'XX', 'KEEPTTL')),
  fc.tuple(fc.constant('mset'), fc.constant('counter:1'), value, fc.constant('counter:2'), value),
  fc.tuple(fc.constant('mget'), fc.constant('counter:1'), fc.constant('counter:2')),
  fc.tuple(fc.constant('del'), fc.constant('counter:1'), fc.constant('counter:2')),
  fc.tuple(fc.constant('rename'), fc.constant('counter:1'), fc.constant('counter:2')),
  fc.tuple(fc.constant('hset'), fc.constant('scores:go'), player, value, fc.constant('dan'), value),
  fc.tuple(fc.constant('hsetnx'), fc.constant('scores:go'), player, value),
  fc.tuple(fc.constantFrom('hget', 'hexists', 'hdel'), fc.constant('scores:go'), player),
  fc.tuple(fc.constant('hincrby'), fc.constant('scores:go'), player, value),
  fc.tuple(fc.constant('hset'), fc.constant('profile:1'), fc.constantFrom('name', 'visits'), value),
  fc.tuple(fc.constant('hincrby'), fc.constant('profile:1'), fc.constant('visits'), value),
  fc.tuple(fc.constantFrom('hdel', 'hget'), fc.constant('profile:1'), fc.constant('name')),
  fc.tuple(fc.constantFrom('sadd', 'srem', 'sismember'), fc.constant('tags:1'), player),
  fc
    .tuple(fc.constantFrom('set', 'get', 'lpush', 'incr'), fc.constant('unclaimed'), value)
    .map(([name, key, it]): Command => (name === 'get' || name === 'incr' ? [name, key] : [name, key, it])),
)

const run = async (client: Redis, [name, ...args]: Command): Promise<unknown> =>
  (client as unknown as Record<string, (...args: readonly string[]) => Promise<unknown>>)[name]!(
    ...args,
  ).catch((error) => `error: ${String(error.message).split(' ')[0]}`)

/** What the rows say that the source has to hold. */
async function rowsAsSource(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const { id, n } of await world.rows('SELECT id, n FROM counters')) found[`counter:${id}`] = n
  for (const { player: name, points } of await world.rows('SELECT player, points FROM scores'))
    found['scores:go'] = { ...(found['scores:go'] as object), [name!]: points }
  for (const { tag } of await world.rows('SELECT tag FROM tags ORDER BY tag'))
    found['tags:1'] = [...((found['tags:1'] as string[]) ?? []), tag]
  const [profile] = await world.rows('SELECT name, visits FROM profiles')
  if (profile)
    found['profile:1'] = { ...(profile.name === null ? {} : { name: profile.name }), visits: profile.visits }
  return found
}

async function source(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const key of (await raw.keys('*')).filter((it) => !it.startsWith('kvmig:') && it !== 'unclaimed')) {
    const type = await raw.type(key)
    if (type === 'string') found[key] = await raw.get(key)
    if (type === 'set') found[key] = (await raw.smembers(key)).sort()
    if (type === 'hash') {
      const hash = await raw.hgetall(key)
      found[key] = key === 'profile:1' ? { ...hash, visits: hash.visits ?? '0' } : hash
    }
  }
  return found
}

describe('a wrapped client', () => {
  test.each(['A', 'B', 'C'] as const)(
    'answers as the client does in %s, and both sides have the same',
    { timeout: 120_000 },
    async (phase) => {
      for (const plan of ALL) await world.flip(plan, phase)
      await world.known(kvmig)
      await fc.assert(
        fc.asyncProperty(fc.array(commands, { maxLength: 25, size: 'max' }), async (list) => {
          // Each run begins with nothing on either side, by the same way.
          for (const client of [redis, plain] as Redis[]) {
            await client.del('counter:1', 'counter:2')
            await client.del('profile:1')
            await client.hdel('scores:go', 'ann', 'bo', 'cy', 'dan')
            await client.srem('tags:1', 'ann', 'bo', 'cy')
            await client.del('unclaimed')
          }
          for (const command of list)
            expect([command, await run(redis, command)]).toEqual([command, await run(plain, command)])
          if (phase === 'A') return
          await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
          expect(await source()).toEqual(await rowsAsSource())
        }),
        { numRuns: 15 },
      )
    },
  )

  test('H22 counts exactly, whoever counts', async () => {
    await world.flip('counters', 'B')
    await redis.set('counter:h22', '100')
    const other = (await world.connect({ shadow: 0 })).wrap(raw)
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? redis : other).incr('counter:h22')),
    )
    expect(await raw.get('counter:h22')).toBe('300')
    expect(await world.rows(`SELECT n FROM counters WHERE id = 'h22'`)).toEqual([{ n: '300' }])
  })

  test('H23 a counter that was not copied yet begins at what the source has', async () => {
    await raw.set('counter:h23', '100')
    expect(await redis.incr('counter:h23')).toBe(101)
    expect(await world.rows(`SELECT n FROM counters WHERE id = 'h23'`)).toEqual([{ n: '101' }])
  })

  test('H58 a key that only the source has lost, by eviction, counts on where Postgres is', async () => {
    await redis.set('counter:h58', '100')
    await raw.del('counter:h58')
    expect(await redis.incr('counter:h58')).toBe(101)
    expect(await raw.get('counter:h58')).toBe('101')
  })

  test('H25 two who write different fields of one hash that is a record keep both', async () => {
    await Promise.all([redis.hset('profile:h25', 'name', 'Ann'), redis.hset('profile:h25', 'visits', '3')])
    expect(await raw.hgetall('profile:h25')).toEqual({ name: 'Ann', visits: '3' })
    expect(await world.rows(`SELECT name, visits FROM profiles WHERE id = 'h25'`)).toEqual([
      { name: 'Ann', visits: '3' },
    ])
  })

  test('H38 a renamed key is one row less and one more, in one write', async () => {
    await redis.set('counter:h38', '7')
    await redis.rename('counter:h38', 'counter:h38b')
    expect(await world.rows(`SELECT id FROM counters WHERE id LIKE 'h38%'`)).toEqual([{ id: 'h38b' }])
    expect(await raw.exists('counter:h38')).toBe(0)
  })

  test('H11 expiries come from the clock of the source, a plain SET clears them, counting keeps them', async () => {
    for (const plan of ['sessions', 'counters']) await world.flip(plan, 'B')
    // Before Redis 7 only what is left can be asked for, and the clock goes on meanwhile.
    const exact = isBeforeSeven() ? 50 : 0
    const expiryOf = async (key: string) =>
      isBeforeSeven() ? Date.now() + (await raw.pttl(key)) : raw.pexpiretime(key)
    await redis.set('session:h11', '{"handle":"ann"}', 'EX', 100)
    const [row] = await world.rows(
      `SELECT (extract(epoch FROM expires_at) * 1000)::bigint AS at FROM sessions WHERE id = 'h11'`,
    )
    expect(Math.abs(Number(row!.at) - (await expiryOf('session:h11')))).toBeLessThanOrEqual(exact)
    await redis.expire('session:h11', 200)
    const [later] = await world.rows(
      `SELECT (extract(epoch FROM expires_at) * 1000)::bigint AS at FROM sessions WHERE id = 'h11'`,
    )
    expect(Math.abs(Number(later!.at) - (await expiryOf('session:h11')))).toBeLessThanOrEqual(exact)
    await redis.set('session:h11', '{"handle":"bo"}')
    expect(await raw.ttl('session:h11')).toBe(-1)
    expect(await world.rows(`SELECT expires_at FROM sessions WHERE id = 'h11'`)).toEqual([
      { expires_at: null },
    ])
    await redis.set('counter:h11', '1', 'EX', 100)
    await redis.incr('counter:h11')
    expect(await raw.ttl('counter:h11')).toBeGreaterThan(90)
  })

  test('a pipeline with claimed keys is sent command by command, in its order', async () => {
    const results = await redis
      .pipeline()
      .set('counter:p', '1')
      .incr('counter:p')
      .get('counter:p')
      .set('free', 'x')
      .exec()
    expect(results).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
      [null, 'OK'],
    ])
    expect(await redis.multi().set('free', 'y').get('free').exec()).toEqual([
      [null, 'OK'],
      [null, 'y'],
    ])
  })

  test.each([
    ['a command that dual-write does not know', () => redis.setbit('counter:1', 0, 1), 'COMMAND_UNSUPPORTED'],
    ['a script on a claimed key', () => redis.eval('return 1', 1, 'counter:1'), 'COMMAND_UNSUPPORTED'],
    ['a type that the plan does not take', () => redis.lpush('counter:1', 'x'), 'COMMAND_UNSUPPORTED'],
    ['keys of several plans', () => redis.del('counter:1', 'user:1'), 'COMMAND_UNSUPPORTED'],
    ['a value that has no row', () => redis.set('counter:1', 'many'), 'REJECTED'],
  ])('refuses %s', async (_, work, code) => {
    await expect((async () => work())()).rejects.toMatchObject({ code })
  })

  test('refuses what depends on what is there as long as instances may write the source only', async () => {
    await world.flip('counters', 'B', true)
    await expect
      .poll(async () =>
        redis.incr('counter:roll').then(
          () => 'counted',
          (error) => error.code,
        ),
      )
      .toBe('ROLLOUT_COMMAND')
    expect(await redis.set('counter:roll', '1')).toBe('OK')
  })
})
