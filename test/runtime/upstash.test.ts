import { Redis } from '@upstash/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectOptions } from '../../src/runtime/kvmig.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { freshRedis } from '../setup/redis.ts'
import { startUpstash } from '../setup/upstash-server.ts'
import { ENTRY_PLANS } from './entry-plans.ts'
import { COUNTERS, PLANS, startWorld } from './world.ts'

const behind = await freshRedis()
const server = await startUpstash(behind.port)
const world = await startWorld(
  'postgres',
  {
    users: PLANS.users!,
    scores: PLANS.scores!,
    lists: ENTRY_PLANS.lists!,
    documents: ENTRY_PLANS.documents!,
    counters: COUNTERS,
  },
  { KV_URL: server.url, UPSTASH_REDIS_REST_URL: server.url, UPSTASH_REDIS_REST_TOKEN: server.token },
)
afterAll(async () => {
  await server.stop()
  await behind.stop()
})
await world.applyA()
const kvmig = await world.connect({ shadow: 0 })
const given = new Redis({ url: server.url, token: server.token, retry: false })
const single = new Redis({ url: server.url, token: server.token, retry: false, enableAutoPipelining: false })
const clients = { 'with automatic pipelines': kvmig.wrap(given), 'command by command': kvmig.wrap(single) }

const ALL = ['users', 'scores', 'lists', 'documents', 'counters']
async function phaseOf(phase: 'A' | 'B' | 'C'): Promise<void> {
  for (const plan of ALL) await world.flip(plan, phase)
  await expect
    .poll(async () => {
      await single.exists('nothing')
      return world.rows(
        `SELECT 1 FROM kvmig.instance, kvmig.route r WHERE (epochs ->> r.plan)::bigint < r.epoch`,
      )
    })
    .toEqual([])
}

describe.each(Object.entries(clients))('a wrapped @upstash/redis, %s', (_, redis) => {
  test.each(['A', 'B', 'C'] as const)('gives values as the client does, in %s', async (phase) => {
    await phaseOf(phase)
    await redis.set('user:ann', { name: 'Ann', visits: 2 })
    expect(await redis.get('user:ann')).toEqual({ name: 'Ann', visits: 2 })
    expect(await redis.incr('counter:1')).toBe(1)
    expect(await redis.get('counter:1')).toBe(1)
    expect(await redis.hset('scores:go', { ann: 1, bo: 2 })).toBe(2)
    expect(await redis.hget('scores:go', 'bo')).toBe(2)
    expect(await redis.hgetall('scores:go')).toEqual({ ann: 1, bo: 2 })
    expect(await redis.rpush<unknown>('list:1', 'a', { b: 1 })).toBe(2)
    expect(await redis.lrange('list:1', 0, -1)).toEqual(['a', { b: 1 }])
    expect(await redis.set('free', 'x')).toBe('OK')
    expect(await redis.get('free')).toBe('x')
    if (phase !== 'A') {
      expect(await world.rows('SELECT id, name, visits FROM users')).toEqual([
        { id: 'ann', name: 'Ann', visits: '2' },
      ])
      expect(await world.rows('SELECT item FROM lists ORDER BY place')).toEqual([
        { item: 'a' },
        { item: '{"b":1}' },
      ])
    }
    expect(await behind.client.get('user:ann')).toContain('"Ann"')
    expect(await redis.del('user:ann')).toBe(1)
    await redis.del('counter:1')
    await redis.del('scores:go')
    await redis.del('list:1')
    await redis.del('free')
    expect(await redis.get('user:ann')).toBeNull()
    if (phase !== 'A') expect(await world.rows('SELECT id FROM users')).toEqual([])
  })

  test('sends a pipeline in its order, and a transaction as one write', async () => {
    await phaseOf('B')
    const results = await redis
      .pipeline()
      .set('free', 1)
      .incr('counter:p')
      .incr('free')
      .get('free')
      .incr('counter:p')
      .exec()
    expect(results).toEqual(['OK', 1, 2, 2, 2])
    expect(
      await redis.multi().rpush('list:t', 'a').rpush('list:t', 'b').lrange('list:t', 0, -1).exec(),
    ).toEqual([1, 2, ['a', 'b']])
    expect(await world.rows(`SELECT item FROM lists WHERE id = 't' ORDER BY place`)).toEqual([
      { item: 'a' },
      { item: 'b' },
    ])
    await redis.del('list:t')
    await redis.del('counter:p')
  })

  test('tells what the store says, and what kvmig says', async () => {
    await phaseOf('B')
    await redis.set('user:str', { name: 'S' })
    await expect(redis.lset('list:none', 0, 'x')).rejects.toThrow('no such key')
    await expect(redis.incr('user:str')).rejects.toThrow()
    await expect(redis.eval('return 1', ['user:str'], [])).rejects.toThrow(/EVAL|cannot be written/)
    await expect(redis.json.set('user:str', '$', {})).rejects.toThrow(/JSON\.SET/)
    await redis.del('user:str')
  })
})

test('a value that has no row is refused with its reason', async () => {
  await phaseOf('B')
  await expect(clients['command by command'].set('counter:1', 'many')).rejects.toMatchObject({
    code: 'REJECTED',
  })
})

test('reads its own writes: the token of the client follows what was written', async () => {
  await phaseOf('B')
  const redis = clients['command by command']
  await redis.set('user:tok', { name: 'T' })
  const token = redis.readYourWritesSyncToken
  expect(token).toMatch(/^token:/)
  await redis.get('user:tok')
  expect(server.syncTokens.at(-1)).toBe(token)
  redis.readYourWritesSyncToken = 'token:mine'
  expect(single.readYourWritesSyncToken).toBe('token:mine')
  await redis.del('user:tok')
})

test('bytes that are no UTF-8 get there', async () => {
  await phaseOf('B')
  await behind.client.rpush('list:b', Buffer.from([0xff, 0]))
  await kvmig.store('users').put({ id: 'bytes', name: 'B' })
  expect(await clients['command by command'].del('list:b')).toBe(1)
  expect(await behind.client.exists('list:b')).toBe(0)
  await kvmig.store('users').delete({ id: 'bytes' })
})

test('what the store did not take is carried later', async () => {
  await phaseOf('B')
  server.fail({ status: 500 })
  await expect(clients['command by command'].set('user:late', { name: 'L' })).rejects.toMatchObject({
    code: 'WRITE_UNCONFIRMED',
  })
  await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
  expect(await behind.client.get('user:late')).toContain('"L"')
  await clients['command by command'].del('user:late')
})

test('every command is counted in the ledger, no less than a bill would', async () => {
  await phaseOf('B')
  const counting = await world.connect({ shadow: 0 }, { drainMillis: 0 })
  const before = { billed: server.billed, spent: await spent() }
  const users = counting.store('users')
  for (let n = 0; n < 5; n++) await users.put({ id: `n${n}`, name: 'N' })
  await counting.close()
  const billed = server.billed - before.billed
  expect(billed).toBeGreaterThan(5)
  expect((await spent()) - before.spent).toBeGreaterThanOrEqual(billed)
})

async function spent(): Promise<number> {
  const [row] = await world.rows('SELECT coalesce(sum(commands), 0) AS n FROM kvmig.spent')
  return Number(row!.n)
}

describe('the budget of the month', () => {
  // Those that know no budget would carry what others leave waiting.
  beforeAll(() => kvmig.close())
  const perMonth = 1_000_000
  const limited = { ...world.project, budget: { ...world.project.budget, perMonth } }
  const use = async (share: number): Promise<void> => {
    await world.rows(
      `INSERT INTO kvmig.spent (month, commands) VALUES (date_trunc('month', now() AT TIME ZONE 'UTC')::date, ${perMonth * share})
        ON CONFLICT (month) DO UPDATE SET commands = excluded.commands`,
    )
  }
  const begin = (options: ConnectOptions = {}) =>
    world.connect(
      { shadow: 0, project: limited, ...options },
      { drainMillis: 50, ownMillis: 0, tellMillis: 50 },
    )
  const inSource = (key: string) => behind.client.get(key)

  test('near its end nothing is compared any more, and everything is written', async () => {
    await phaseOf('B')
    await use(0.89)
    const early = await begin({ shadow: 1 })
    await early.store('users').put({ id: 'near', name: 'N' })
    await early.store('users').get({ id: 'near' })
    await expect.poll(() => early.metrics()).toContain('shadow.match')
    await use(0.91)
    const late = await begin({ shadow: 1 })
    await late.store('users').put({ id: 'near', name: 'M' })
    expect(await late.store('users').get({ id: 'near' })).toMatchObject({ name: 'M' })
    await Promise.all([early.close(), late.close()])
    expect(await late.metrics()).not.toContain('shadow.')
    expect(await inSource('user:near')).toContain('"M"')
  })

  test('beyond it, a write with failure: strict is refused before anything takes place', async () => {
    await phaseOf('B')
    await use(1)
    const strict = await begin()
    const redis = strict.wrap(given)
    const before = server.billed
    for (const work of [
      () => redis.set('user:beyond', { name: 'B' }),
      () => redis.rpush('list:beyond', 'a'),
      () => redis.multi().set('counter:beyond', 1).set('user:beyond', { name: 'B' }).exec(),
    ])
      await expect(work()).rejects.toThrow('did not take place. The budget')
    expect(server.billed).toBe(before)
    expect(await world.rows(`SELECT 1 FROM users WHERE id = 'beyond'`)).toEqual([])
    expect(await redis.get('user:beyond')).toBeNull()
    await phaseOf('A')
    await redis.set('user:beyond', { name: 'A' })
    await redis.del('user:beyond')
    await strict.close()
  })

  test('several instances that tell nobody for hours pass it by no more than a hundred commands each', async () => {
    await phaseOf('B')
    await use(1 - 400 / perMonth)
    const rarely = { drainMillis: 0, tellMillis: 3_600_000 }
    const both = await Promise.all([0, 1].map(() => world.connect({ shadow: 0, project: limited }, rarely)))
    const until = async (it: (typeof both)[number], attempt = 0): Promise<string> => {
      const refused = await it
        .store('users')
        .put({ id: 'shared', name: `N${attempt}` })
        .then(
          () => undefined,
          (error: Error) => error.message,
        )
      return refused ?? (attempt < 2000 ? until(it, attempt + 1) : 'nobody stops it')
    }
    for (const refused of await Promise.all(both.map((it) => until(it))))
      expect(refused).toContain('The budget')
    for (const it of both) await it.close()
    expect(await spent()).toBeGreaterThanOrEqual(perMonth)
    expect(await spent()).toBeLessThan(perMonth + 2 * 150)
  })

  test('beyond it, a write with failure: available waits in the outbox, until there is more of it', async () => {
    await phaseOf('C')
    await use(1)
    const plans = limited.plans.map((it) => ({
      ...it,
      later: { ...it.later, writes: { failure: 'available' } },
    }))
    const going = await begin({ project: { ...limited, plans } as never })
    const redis = going.wrap(given)
    const before = server.billed
    await redis.set('user:kept', { name: 'K' })
    expect(await redis.incr('counter:kept')).toBe(1)
    expect(await redis.incr('counter:kept')).toBe(2)
    expect(await redis.get('user:kept')).toMatchObject({ name: 'K' })
    expect([await inSource('user:kept'), server.billed]).toEqual([null, before])
    expect((await world.target.transaction(outboxDepth)).map((it) => it.plan)).toEqual(['counters', 'users'])
    await use(0.1)
    await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
    expect([await inSource('counter:kept'), await inSource('user:kept')]).toEqual([
      '2',
      expect.stringContaining('"K"'),
    ])
    await use(0)
  })
})
