import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { outboxDepth } from '../../src/state/outbox.ts'
import { ENTRY_PLANS } from './entry-plans.ts'
import { startWorld } from './world.ts'

const world = await startWorld('postgres', ENTRY_PLANS)
const PLANS = Object.keys(ENTRY_PLANS)
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
const of = (...parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<Command> =>
  fc.tuple(...parts.map((it) => (typeof it === 'string' ? fc.constant(it) : it))) as fc.Arbitrary<never>
const one = (...words: readonly string[]) => fc.constantFrom(...words)
const item = one('a', 'b', 'c')
const index = fc.integer({ min: -3, max: 3 }).map(String)
const number = fc.integer({ min: -4, max: 4 }).map(String)

const document = fc
  .record({ title: item, tags: fc.array(item, { maxLength: 3 }) })
  .map((it) => JSON.stringify(it))
const person = one('Ann', 'Bo', 'Cy').map((name) => JSON.stringify({ name }))

const FAMILIES: Readonly<Record<string, fc.Arbitrary<Command>>> = {
  lists: fc.oneof(
    of(one('lpush', 'rpush'), one('list:1', 'list:2'), item, item),
    of(one('lpushx', 'rpushx'), 'list:1', item),
    of(one('lpop', 'rpop', 'llen'), 'list:1'),
    of(one('lpop', 'rpop'), 'list:1', '2'),
    of(one('ltrim', 'lrange'), 'list:1', index, index),
    of('lrem', 'list:1', index, item),
    of('lset', 'list:1', index, item),
    of('lindex', 'list:1', index),
    of('linsert', 'list:1', one('BEFORE', 'AFTER'), item, item),
    of('rpoplpush', 'list:1', one('list:1', 'list:2')),
    of('lmove', 'list:1', 'list:2', one('LEFT', 'RIGHT'), one('LEFT', 'RIGHT')),
    of('rename', 'list:1', 'list:2'),
    of('del', one('list:1', 'list:2')),
  ),
  documents: fc.oneof(
    of('set', one('doc:1', 'doc:2'), document),
    of('set', 'doc:1', document, one('NX', 'XX', 'KEEPTTL')),
    of('mset', 'doc:1', document, 'doc:2', document),
    of(one('getset'), 'doc:1', document),
    of(one('get', 'getdel', 'exists', 'del'), 'doc:1'),
    of('rename', 'doc:1', 'doc:2'),
  ),
  people: fc.oneof(
    of('hset', 'people', one('1', '2'), person),
    of('hset', 'people', '1', person, '3', person),
    of(one('hdel', 'hget', 'hexists'), 'people', one('1', '2')),
    of('set', one('person:1', 'person:2'), person),
    of('del', one('person:1', 'people')),
    of('get', 'person:1'),
  ),
  scores: fc.oneof(
    of('hset', one('scores:go', 'scores:chess'), item, number, 'dan', number),
    of('hincrby', 'scores:go', item, number),
    of(one('hdel', 'hexists'), 'scores:go', item),
    of('expire', 'scores:go', '1000'),
    of('persist', 'scores:go'),
    of(one('del', 'unlink'), one('scores:go', 'scores:chess')),
    of('del', 'scores:go', 'scores:chess'),
    of('rename', 'scores:chess', 'scores:go'),
    of(one('hgetall', 'hlen'), 'scores:go'),
  ),
  ranks: fc.oneof(
    of('zadd', 'ranks:1', number, item),
    of('zadd', 'ranks:1', one('NX', 'XX', 'GT', 'LT', 'CH'), number, item, number, 'dan'),
    of('zadd', 'ranks:1', 'XX', 'INCR', number, item),
    of('zincrby', 'ranks:1', number, item),
    of('zrem', 'ranks:1', item, 'dan'),
    of(one('zpopmin', 'zpopmax', 'zcard', 'del'), 'ranks:1'),
    of('zremrangebyrank', 'ranks:1', index, index),
    of('zremrangebyscore', 'ranks:1', one('-inf', '(0'), number),
    of('zrange', 'ranks:1', index, index, 'WITHSCORES'),
    of('zrangebyscore', 'ranks:1', '(-2', '+inf', 'LIMIT', '0', '2'),
    of(one('zscore', 'zrank', 'zrevrank'), 'ranks:1', item),
  ),
  tags: fc.oneof(
    of(one('sadd', 'srem'), one('tags:1', 'tags:2'), item, 'd'),
    of('smove', 'tags:1', 'tags:2', item),
    of(one('scard', 'del'), 'tags:1'),
    of('sismember', 'tags:1', item),
    of('rename', 'tags:1', 'tags:2'),
  ),
  // The key of the row is the value: a write moves it.
  emails: fc.oneof(
    of('hset', 'emails:ann', 'home', one('a@x', 'b@x')),
    of('hset', 'emails:ann', 'work', one('c@x', 'd@x')),
    of('hset', 'emails:ann', 'home', 'e@x', 'work', 'd@x'),
    of('hdel', 'emails:ann', one('home', 'work')),
    of('del', 'emails:ann'),
  ),
}

const run = async (client: Redis, [name, ...args]: Command): Promise<unknown> =>
  (client as unknown as Record<string, (...args: readonly string[]) => Promise<unknown>>)[name]!(
    ...args,
  ).catch((error) => `error: ${String(error.message).split(' ')[0]}`)

async function holds(client: Redis): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const key of (await client.keys('*')).filter((it) => !it.startsWith('kvmig:')).sort()) {
    const type = await client.type(key)
    if (type === 'string') found[key] = await client.get(key)
    if (type === 'list') found[key] = await client.lrange(key, 0, -1)
    if (type === 'set') found[key] = (await client.smembers(key)).sort()
    if (type === 'zset') found[key] = await client.zrange(key, '0', '-1', 'WITHSCORES')
    if (type === 'hash') found[key] = await client.hgetall(key)
  }
  return found
}

/** The rows that the source has to give, worked out by hand. */
function rowsOf(source: Record<string, unknown>): Record<string, readonly string[]> {
  const rows: Record<string, string[]> = {
    lists: [],
    docs: [],
    doc_tags: [],
    scores: [],
    ranks: [],
    tags: [],
    emails: [],
  }
  const people = new Map<string, string>()
  for (const [key, it] of Object.entries(source)) {
    const [family, id = ''] = key.split(':')
    const pairs = Object.entries(it as Record<string, string>)
    if (family === 'list') rows.lists!.push(...(it as string[]).map((one, at) => `${id} ${at} ${one}`))
    if (family === 'doc') {
      const { title, tags } = JSON.parse(it as string)
      rows.docs!.push(`${id} ${title}`)
      rows.doc_tags!.push(...tags.map((tag: string, at: number) => `${id} ${at} ${tag}`))
    }
    if (family === 'scores')
      for (const [player, points] of pairs) rows.scores!.push(`${id} ${player} ${points}`)
    if (family === 'ranks')
      for (let at = 0; at < (it as string[]).length; at += 2)
        rows.ranks!.push(`${id} ${(it as string[])[at]} ${(it as string[])[at + 1]}`)
    if (family === 'tags') for (const tag of it as string[]) rows.tags!.push(`${id} ${tag}`)
    if (family === 'emails') for (const [label, email] of pairs) rows.emails!.push(`${email} ${id} ${label}`)
    if (key === 'people')
      for (const [who, value] of pairs)
        if (source[`person:${who}`] === undefined) people.set(who, JSON.parse(value).name)
    if (family === 'person') people.set(id, JSON.parse(it as string).name.toLowerCase())
  }
  return {
    ...Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.sort()])),
    people: [...people].map((it) => it.join(' ')).sort(),
  }
}

const COLUMNS = {
  lists: 'id, place, item',
  docs: 'id, title',
  doc_tags: 'doc, place, tag',
  scores: 'game, player, points',
  ranks: 'board, who, score',
  tags: 'id, tag',
  emails: 'email, person, label',
  people: 'id, name',
}
async function tables(): Promise<Record<string, readonly string[]>> {
  const found: Record<string, readonly string[]> = {}
  for (const [table, columns] of Object.entries(COLUMNS)) {
    const rows = await world.rows(`SELECT concat_ws(' ', ${columns}) AS it FROM ${table}`)
    found[table] = rows.map((it) => it.it!).sort()
  }
  return found
}

const KEYS = [
  'list:1',
  'list:2',
  'doc:1',
  'doc:2',
  'people',
  'person:1',
  'person:2',
  'scores:go',
  'scores:chess',
  'ranks:1',
  'tags:1',
  'tags:2',
  'emails:ann',
]

async function phaseOf(phase: 'A' | 'B' | 'C'): Promise<void> {
  for (const plan of PLANS) await world.flip(plan, phase)
  await expect
    .poll(async () => {
      await redis.exists('list:1')
      return world.rows(
        `SELECT 1 FROM kvmig.instance, kvmig.route r WHERE (epochs ->> r.plan)::bigint < r.epoch`,
      )
    })
    .toEqual([])
}

/** Several records of one row: what they tell is read with SQL in C. */
const ONE_WAY = ['people', 'emails']
const READS = /^(get|hget|exists|hexists|llen)$/

describe('records of more than one place and one row', () => {
  const cases = (['A', 'B', 'C'] as const).flatMap((phase) => PLANS.map((plan) => [plan, phase] as const))

  test.each(cases)(
    '%s in %s: commands answer as in Redis, and rows are what entries give',
    {
      timeout: 120_000,
    },
    async (plan, phase) => {
      await phaseOf(phase)
      const isTold = ([name]: Command) => phase !== 'C' || !ONE_WAY.includes(plan) || !READS.test(name)
      await fc.assert(
        fc.asyncProperty(
          fc.array(FAMILIES[plan]!.filter(isTold), { maxLength: 20, size: 'max' }),
          async (commands) => {
            for (const key of KEYS) for (const client of [redis, plain]) await client.del(key)
            for (const command of commands)
              expect([command, await run(redis, command)]).toEqual([command, await run(plain, command)])
            await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
            const source = await holds(raw)
            expect(source).toEqual(await holds(plain))
            if (phase !== 'A') expect(await tables()).toEqual(rowsOf(source))
          },
        ),
        { numRuns: phase === 'B' ? 20 : 8 },
      )
      for (const key of KEYS) for (const client of [redis, plain]) await client.del(key)
    },
  )

  test('what was deleted in A alone is no matter of the rows, and goes with the next write', async () => {
    await phaseOf('B')
    await redis.rpush('list:gone', 'a', 'b')
    await raw.del('list:gone')
    // Only the source has lost it: Postgres has its rows, and the command goes on from there.
    expect(await redis.rpush('list:gone', 'c')).toBe(3)
    expect(await raw.lrange('list:gone', 0, -1)).toEqual(['a', 'b', 'c'])
    await redis.del('list:gone')
    expect((await tables()).lists).toEqual([])
  })

  test('H10 a new element of a key that expires is gone with it, on both sides', async () => {
    await phaseOf('B')
    await redis.hset('scores:go', 'ann', '1')
    await redis.expire('scores:go', 500)
    await redis.hset('scores:go', 'bo', '2')
    await redis.hincrby('scores:go', 'cy', 3)
    const at = String(await raw.pexpiretime('scores:go'))
    const rows = await world.rows(
      `SELECT player, (extract(epoch FROM until) * 1000)::bigint AS at FROM scores ORDER BY player`,
    )
    expect(rows).toEqual(['ann', 'bo', 'cy'].map((player) => ({ player, at })))
    await redis.persist('scores:go')
    expect(await world.rows('SELECT 1 FROM scores WHERE until IS NOT NULL')).toEqual([])
    await redis.del('scores:go')
  })

  test('H24 keeps every item, whoever pushes', async () => {
    await phaseOf('B')
    const other = (await world.connect({ shadow: 0 })).wrap(raw)
    const items = Array.from({ length: 60 }, (_, n) => String(n))
    await Promise.all(items.map((it, n) => (n % 2 === 0 ? redis : other).rpush('list:1', it)))
    const list = await raw.lrange('list:1', 0, -1)
    expect([...list].sort()).toEqual([...items].sort())
    expect((await tables()).lists).toEqual(list.map((it, at) => `1 ${at} ${it}`).sort())
    await redis.del('list:1')
  })

  test('H26 two layouts of one record, written at the same time, agree with what the plan says', async () => {
    await phaseOf('B')
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0
          ? redis.hset('people', '1', JSON.stringify({ name: `H${n}` }))
          : n % 3 === 0
            ? redis.del('person:1')
            : redis.set('person:1', JSON.stringify({ name: `S${n}` })),
      ),
    )
    expect((await tables()).people).toEqual(rowsOf(await holds(raw)).people)
    await redis.del('people', 'person:1')
  })

  test('H27 members that go while others come are the same on both sides', async () => {
    await phaseOf('B')
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        n % 4 === 3
          ? redis.del('tags:1')
          : n % 2 === 0
            ? redis.sadd('tags:1', `t${n % 7}`)
            : redis.srem('tags:1', `t${n % 5}`),
      ),
    )
    expect((await tables()).tags).toEqual(rowsOf(await holds(raw)).tags)
    await redis.del('tags:1')
  })

  test('what a killed writer left half done is carried on by others', async () => {
    await phaseOf('B')
    let kills = true
    const dying = await world.connect(
      { shadow: 0 },
      {
        drainMillis: 0,
        probe: (point) => {
          if (kills && point === 'before.carry') throw new Error('killed')
        },
      },
    )
    const client = dying.wrap(raw)
    await redis.rpush('list:1', 'a')
    await redis.set('doc:1', '{"title":"a","tags":["x","y"]}')
    await expect(client.lpush('list:1', 'b')).rejects.toThrow('killed')
    await expect(client.set('doc:1', '{"title":"b","tags":["z"]}')).rejects.toThrow('killed')
    kills = false
    // The next writer looks at what is on its way, not at what the source still has.
    expect(await redis.rpush('list:1', 'c')).toBe(3)
    await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
    expect(await raw.lrange('list:1', 0, -1)).toEqual(['b', 'a', 'c'])
    expect(await tables()).toEqual(rowsOf(await holds(raw)))
    await redis.del('list:1')
    await redis.del('doc:1')
  })

  test('a value that several records would give differently, and nobody chooses between, is refused', async () => {
    await phaseOf('B')
    await redis.hset('emails:ann', 'home', 'a@x')
    await expect(redis.hset('emails:bo', 'home', 'a@x')).rejects.toMatchObject({ code: 'REJECTED' })
    expect(await raw.exists('emails:bo')).toBe(0)
    await redis.del('emails:ann')
  })

  test('reads of entries that rows give back whole are answered in C, the others are told by name', async () => {
    await phaseOf('C')
    await redis.rpush('list:1', 'a', 'b')
    await redis.set('doc:1', '{"title":"a","tags":["x"]}')
    await raw.del('list:1')
    expect(await redis.lrange('list:1', 0, -1)).toEqual(['a', 'b'])
    await raw.del('doc:1')
    expect(JSON.parse((await redis.get('doc:1'))!)).toEqual({ title: 'a', tags: ['x'] })
    await redis.hset('emails:ann', 'home', 'a@x')
    await expect(redis.hget('emails:ann', 'home')).rejects.toMatchObject({ code: 'ONE_WAY' })
    await redis.del('emails:ann')
    await redis.del('list:1')
    await redis.del('doc:1')
  })
})

describe('a transaction', () => {
  test.each(['A', 'B', 'C'] as const)(
    'is one write in %s, and each command sees those before it',
    async (phase) => {
      await phaseOf(phase)
      const steps = (client: Redis) =>
        client
          .multi()
          .rpush('list:1', 'a', 'b')
          .lrange('list:1', 0, -1)
          .lset('list:1', 99, 'x')
          .lpop('list:1')
          .lpush('list:2', 'z')
          .llen('list:1')
          .exec()
          .then((all) => all!.map(([error, reply]) => [error?.message.split(' ')[0] ?? null, reply]))
      expect(await steps(redis)).toEqual(await steps(plain))
      expect(await holds(raw)).toEqual(await holds(plain))
      if (phase !== 'A') expect(await tables()).toEqual(rowsOf(await holds(raw)))
      for (const client of [redis, plain]) await client.del('list:1', 'list:2')
    },
  )

  test('is done wholly or not at all', async () => {
    await phaseOf('B')
    const both = redis.multi().hset('emails:ann', 'home', 'a@x').hset('emails:bo', 'home', 'a@x')
    await expect(both.exec()).rejects.toMatchObject({ code: 'REJECTED' })
    expect(await raw.exists('emails:ann', 'emails:bo')).toBe(0)
    expect((await tables()).emails).toEqual([])
  })
})
