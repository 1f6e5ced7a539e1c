import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { caching } from 'cache-manager'
import { redisInsStore } from 'cache-manager-ioredis-yet'
import RedisStore from 'connect-redis-7'
import { Command, Redis } from 'ioredis'
import Keyv from 'keyv-4'
import KeyvRedis from 'keyv-redis-2'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { afterAll, describe, expect, test } from 'vitest'
import { fleet, laggards } from '../../src/state/instances.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { readRoutes } from '../../src/state/route.ts'
import { startWorld } from './world.ts'

const preset = (name: string) =>
  readFileSync(resolve(import.meta.dirname, `../../presets/${name}.yaml`), 'utf8')
const strings = (plan: string, match: string) => `
version: 1
plan: ${plan}
mappings:
  - { match: '${match}', type: string, into: ${plan}, fields: { id: $id, value: $value, expires_at: $expires_at } }
tables:
  ${plan}: { columns: { id: text, value: text not null, expires_at: timestamptz }, primary_key: [id] }
`
const world = await startWorld('postgres', {
  sessions: preset('connect-redis'),
  // Keyv keeps the names of its keys in a set, and writes both at once.
  keyv: `
version: 1
plan: keyv
mappings:
  - { match: 'app:{id:rest}', type: string, into: keyv, fields: { id: $id, value: $value, expires_at: $expires_at } }
  - { match: 'namespace:app', type: set, each: member, into: keyv_names, fields: { name: $member } }
tables:
  keyv: { columns: { id: text, value: text not null, expires_at: timestamptz }, primary_key: [id] }
  keyv_names: { columns: { name: text }, primary_key: [name] }
`,
  cache: strings('cache', 'cache:{id:rest}'),
  limits: strings('limits', 'limit:{id:rest}'),
})
await world.applyA()
const kvmig = await world.connect({ shadow: 0 }, { pollMillis: 100 })
const native = world.redis.client
const client = new Redis(world.redis.url)
const redis = kvmig.wrap(client)
afterAll(() => client.disconnect())

/** Brings every plan there, and waits until the application knows. */
async function enter(phase: 'A' | 'B' | 'C'): Promise<void> {
  for (const plan of ['sessions', 'keyv', 'cache', 'limits']) {
    await world.flip(plan, phase)
    const { epoch } = (await readRoutes(world.target)).get(plan)!
    await expect.poll(async () => laggards(await fleet(world.target), plan, epoch)).toEqual([])
  }
}
const settled = () => expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])

const PHASES = [
  ['A', 'A'],
  ['B', 'B'],
  ['C', 'C'],
  ['B', 'B after a rollback from C'],
] as const

describe.each(PHASES)('%s: what users of client libraries run, %s', (phase, when) => {
  test('connect-redis: sessions of express-session', async () => {
    await enter(phase)
    await native.del(...(await native.keys('sess:*')), 'none')
    if (phase !== 'A') await world.rows('DELETE FROM session')
    const store = new RedisStore({ client: redis, ttl: 60 })
    const session = (user: string, more = {}) =>
      ({ cookie: { originalMaxAge: 60_000, ...more }, user }) as never
    const ids = ['one', 'two/three', 'emoji 🙂'].map((it) => `${it} ${when}`)
    for (const id of ids) await store.set(id, session(`user of ${id}`))
    expect(await got(store, 'get', ids[1]!)).toEqual(session(`user of ${ids[1]}`))
    expect(await got(store, 'get', 'nobody')).toBeUndefined()
    expect(await got(store, 'length')).toBe(3)
    expect([...((await got(store, 'ids')) as string[])].sort()).toEqual([...ids].sort())
    expect(await got(store, 'all')).toHaveLength(3)

    // Touched, a session lasts longer; its content stays.
    await native.pexpire(`sess:${ids[0]}`, 59_000_000)
    const before = await native.pttl(`sess:${ids[0]}`)
    await store.touch(ids[0]!, session('x', { expires: new Date(Date.now() + 30_000) }))
    await settled()
    expect(await native.pttl(`sess:${ids[0]}`)).toBeLessThan(before)
    expect(await got(store, 'get', ids[0]!)).toEqual(session(`user of ${ids[0]}`))
    if (phase !== 'A')
      expect(
        await world.rows(
          `SELECT expire BETWEEN now() + interval '20 s' AND now() + interval '40 s' AS soon FROM session WHERE sid = '${ids[0]}'`,
        ),
      ).toEqual([{ soon: 't' }])

    // One that is over already is destroyed.
    await store.set(ids[2]!, session('late', { expires: new Date(0) }))
    await store.destroy(ids[1]!)
    expect(await got(store, 'ids')).toEqual([ids[0]])
    // Whoever looks past kvmig sees the same.
    expect(await got(new RedisStore({ client: native }), 'ids')).toEqual([ids[0]])
    await store.clear()
    expect(await got(store, 'length')).toBe(0)
    if (phase !== 'A') expect(await world.rows('SELECT sid FROM session')).toEqual([])
  })

  test.each([true, false])('keyv with its set of names: %s', async (useRedisSets) => {
    // Without the set its keys are called otherwise, and no plan claims those.
    const store = new KeyvRedis(redis as never, { useRedisSets })
    const keyv = new Keyv({ store: store as never, namespace: 'app' })
    await keyv.set('a', { name: 'Ann', tags: [1, null] })
    await keyv.set('b:c', 'text', 60_000)
    expect(await keyv.get('a')).toEqual({ name: 'Ann', tags: [1, null] })
    expect(await keyv.get(['a', 'b:c', 'none'])).toEqual([
      { name: 'Ann', tags: [1, null] },
      'text',
      undefined,
    ])
    expect(await keyv.delete('a')).toBe(true)
    expect(await keyv.delete('a')).toBe(false)
    expect(await keyv.get('a')).toBeUndefined()
    await settled()
    if (useRedisSets) {
      expect(await native.smembers('namespace:app')).toEqual(['app:b:c'])
      if (phase !== 'A')
        expect(await world.rows('SELECT k.id, n.name FROM keyv k, keyv_names n')).toEqual([
          { id: 'b:c', name: 'app:b:c' },
        ])
    }
    await keyv.clear()
    expect(await keyv.get('b:c')).toBeUndefined()
    if (phase !== 'A') expect(await world.rows('SELECT id FROM keyv')).toEqual([])
  })

  test('cache-manager', async () => {
    const cache = await caching(redisInsStore(redis as never, { ttl: 60_000 }) as never)
    const key = (it: string) => `cache:${it} ${when}`
    await cache.set(key('a'), { n: 1 })
    expect(await cache.get(key('a'))).toEqual({ n: 1 })
    expect(await cache.wrap(key('b'), async () => 'made once')).toBe('made once')
    expect(await cache.wrap(key('b'), async () => 'made twice')).toBe('made once')
    const store = cache.store as unknown as {
      mset(pairs: [string, unknown][], ttl?: number): Promise<void>
      mget(...keys: string[]): Promise<unknown[]>
      mdel(...keys: string[]): Promise<void>
      ttl(key: string): Promise<number>
    }
    await store.mset(
      [
        [key('c'), 1],
        [key('d'), [2]],
      ],
      30_000,
    )
    expect(await store.mget(key('c'), key('d'), key('none'))).toEqual([1, [2], undefined])
    expect(await store.ttl(key('c'))).toBeGreaterThan(10_000)
    await store.mdel(key('c'), key('d'))
    await cache.del(key('a'))
    expect(await store.mget(key('a'), key('b'), key('c'))).toEqual([undefined, 'made once', undefined])
    await settled()
    expect(await native.keys(`cache:*${when}`)).toEqual([key('b')])
    if (phase !== 'A')
      expect(await world.rows(`SELECT id FROM cache WHERE id LIKE '% ${when}'`)).toEqual([
        { id: `b ${when}` },
      ])
  })

  test('rate-limiter-flexible: on keys of nobody it is the client’s own, on claimed ones its script is refused by name', async () => {
    const limiter = new RateLimiterRedis({ storeClient: redis, points: 2, duration: 60, keyPrefix: 'free' })
    await limiter.consume(when)
    expect((await limiter.consume(when)).remainingPoints).toBe(0)
    await expect(limiter.consume(when)).rejects.toMatchObject({ consumedPoints: 3 })
    expect((await limiter.get(when))!.consumedPoints).toBe(3)
    await limiter.delete(when)
    expect(await limiter.get(when)).toBeNull()
    const claimed = new RateLimiterRedis({ storeClient: redis, points: 2, duration: 60, keyPrefix: 'limit' })
    await expect(claimed.consume(when)).rejects.toMatchObject({
      code: 'COMMAND_UNSUPPORTED',
      message: expect.stringContaining('RLFLXINCR'),
    })
    expect(await native.exists(`limit:${when}`)).toBe(0)
  })
})

test('what cannot be carried right is refused: another client, and a command past its name', async () => {
  expect(() => kvmig.wrap(createClient({ url: world.redis.url }))).toThrow('neither of ioredis')
  expect(() => redis.sendCommand(new Command('set', ['cache:x', 'y']))).toThrow('sendCommand()')
  expect(await native.exists('cache:x')).toBe(0)
  await redis.sendCommand(new Command('set', ['nobody:x', 'y']))
  expect(await native.get('nobody:x')).toBe('y')
})

test('a client with a keyPrefix is refused: its keys would be halves', () => {
  const prefixed = new Redis(world.redis.url, { keyPrefix: 'app:', lazyConnect: true })
  expect(() => kvmig.wrap(prefixed)).toThrow('keyPrefix')
})

/** A method of a session store, whose answer comes by callback. */
const got = (store: object, method: string, ...args: readonly unknown[]): Promise<unknown> =>
  new Promise((done, fail) => {
    const call = (store as Record<string, (...all: unknown[]) => unknown>)[method]!
    call.call(store, ...args, (error: unknown, result: unknown) => (error ? fail(error) : done(result)))
  })
