import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { Phase } from '../../src/plan/plan.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { ENTRY_PLANS } from './entry-plans.ts'
import { COUNTERS, startWorld } from './world.ts'

const world = await startWorld('postgres', {
  counters: COUNTERS,
  lists: ENTRY_PLANS.lists!,
  tags: ENTRY_PLANS.tags!,
  emails: ENTRY_PLANS.emails!,
})
await world.applyA()
const kvmig = await world.connect({ shadow: 0 }, { pollMillis: 50 })
const other = await world.connect({ shadow: 0 }, { ownMillis: 0, drainMillis: 100, pollMillis: 50 })
const raw = new Redis(world.redis.url)
const plain = new Redis(world.redis.url, { db: 1 })
afterAll(() => {
  raw.disconnect()
  plain.disconnect()
})
const redis = kvmig.wrap(raw)
const theirs = other.wrap(raw)

type Phases = Readonly<Record<'counters' | 'lists' | 'tags', Phase>>
const flip = async (phases: Partial<Phases>, rollout = false): Promise<void> => {
  for (const [plan, phase] of Object.entries(phases)) await world.flip(plan, phase, rollout)
  await world.known(kvmig, other)
}
const all = (phase: Phase): Phases => ({ counters: phase, lists: phase, tags: phase })
const drained = () => expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])

const KEYS = ['counter:1', 'counter:2', 'list:1', 'tags:1', 'free']
afterEach(async () => {
  await drained()
  // Both sides begin with nothing.
  await flip(all('B'))
  for (const key of KEYS) await redis.del(key)
  await plain.flushdb()
  await drained()
})

const rows = async (): Promise<Record<string, unknown>> => ({
  counters: (await world.rows('SELECT id, n FROM counters ORDER BY id')).map((it) => `${it.id} ${it.n}`),
  lists: (await world.rows('SELECT id, item FROM lists ORDER BY id, place')).map(
    (it) => `${it.id} ${it.item}`,
  ),
  tags: (await world.rows('SELECT id, tag FROM tags ORDER BY id, tag')).map((it) => `${it.id} ${it.tag}`),
})
const there = async (client: Redis = raw): Promise<Record<string, unknown>> => ({
  counter: await client.get('counter:1'),
  list: await client.lrange('list:1', 0, -1),
  tags: (await client.smembers('tags:1')).sort(),
  free: await client.get('free'),
})

describe('a transaction on keys of several plans', () => {
  const steps = (client: Redis) =>
    client
      .multi()
      .incr('counter:1')
      .rpush('list:1', 'a', 'b')
      .set('free', '7')
      .sadd('tags:1', 'x', 'y')
      .incr('free')
      .lpop('list:1')
      .get('counter:1')
      .lset('list:1', 99, 'z')
      .scard('tags:1')
      .exec()
      .then((them) => them!.map(([error, reply]) => [error?.message.split(' ')[0] ?? null, reply]))

  test.each([
    all('A'),
    all('B'),
    all('C'),
    { counters: 'A', lists: 'B', tags: 'C' },
    { counters: 'C', lists: 'A', tags: 'A' },
  ] as const)('answers as in Redis, and both sides have all of it: %o', async (phases) => {
    await flip(phases)
    for (let n = 0; n < 2; n++) expect(await steps(redis)).toEqual(await steps(plain))
    expect(await there()).toEqual(await there(plain))
    const written = await rows()
    const expected = { counters: ['1 2'], lists: ['1 a', '1 b'], tags: ['1 x', '1 y'] }
    for (const [plan, phase] of Object.entries(phases))
      expect(written[plan]).toEqual(phase === 'A' ? [] : expected[plan as 'lists'])
    // What was written in A alone is taken over, so that it can be taken away.
    for (const key of KEYS) await raw.del(key)
  })

  test('leaves the source of a plan in D alone', async () => {
    await flip({ counters: 'D', lists: 'B', tags: 'B' })
    await redis.multi().set('counter:1', '5').rpush('list:1', 'a').set('free', '1').exec()
    expect(await there()).toEqual({ counter: null, list: ['a'], tags: [], free: '1' })
    expect(await rows()).toMatchObject({ counters: ['1 5'], lists: ['1 a'] })
  })

  test('is in Postgres as one, and reaches the source from the outbox, when its writer dies between the two', async () => {
    await flip(all('B'))
    const dying = await world.connect(
      { shadow: 0 },
      {
        drainMillis: 0,
        probe: (point) => {
          if (point === 'before.carry') throw new Error('killed')
        },
      },
    )
    const work = dying.wrap(raw).multi().set('counter:1', '1').rpush('list:1', 'a').sadd('tags:1', 'x')
    await expect(work.exec()).rejects.toThrow('killed')
    expect(await rows()).toEqual({ counters: ['1 1'], lists: ['1 a'], tags: ['1 x'] })
    await drained()
    expect(await there()).toEqual({ counter: '1', list: ['a'], tags: ['x'], free: null })
  })

  test('takes place on no side where one of its values has no row', async () => {
    await flip({ counters: 'B', lists: 'B', tags: 'A' })
    const work = redis
      .multi()
      .rpush('list:1', 'a')
      .set('counter:1', 'many')
      .set('free', '1')
      .sadd('tags:1', 'x')
    await expect(work.exec()).rejects.toMatchObject({ code: 'REJECTED' })
    expect(await there()).toEqual({ counter: null, list: [], tags: [], free: null })
    expect(await rows()).toEqual({ counters: [], lists: [], tags: [] })
  })

  test.each(['counters', 'lists'] as const)(
    'goes on by the new route where %s is flipped in the middle',
    async (plan) => {
      await flip(all('B'))
      let flips = 0
      const slow = await world.connect(
        { shadow: 0 },
        {
          pollMillis: 60_000,
          probe: async (point) => {
            if (point === 'before.carry' && flips++ === 0) await world.flip(plan, 'C')
          },
        },
      )
      await slow.wrap(raw).multi().set('counter:1', '1').rpush('list:1', 'a').set('free', '1').exec()
      expect(flips).toBe(1)
      expect(await there()).toEqual({ counter: '1', list: ['a'], tags: [], free: '1' })
    },
  )

  test.each([
    [true, 'is carried out within the rollout, as by any writer of the source alone'],
    [false, 'is told to be unconfirmed behind the rollout'],
  ])('what a plan in A gets, while it is flipped to B (rollout: %s), %s', async (rollout) => {
    await flip({ counters: 'B', lists: 'A', tags: 'B' })
    let flips = 0
    const slow = await world.connect(
      { shadow: 0 },
      {
        pollMillis: 60_000,
        drainMillis: 0,
        probe: async (point) => {
          if (point !== 'before.carry' || flips++ > 0) return
          await world.flip('lists', 'B', rollout)
          // The source knows it from the first write by the new route on, or from the flip itself.
          await world.raiseEpoch('lists')
        },
      },
    )
    const work = slow.wrap(raw).multi().set('counter:1', '1').rpush('list:1', 'a').exec()
    if (rollout)
      expect(await work).toEqual([
        [null, 'OK'],
        [null, 1],
      ])
    else await expect(work).rejects.toMatchObject({ code: 'WRITE_UNCONFIRMED' })
    await drained()
    expect(await there()).toMatchObject({ counter: '1', list: rollout ? ['a'] : [] })
  })

  test('and another one on the same keys in another order wait for each other, and neither fails', async () => {
    await flip(all('B'))
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => {
        const multi = (n % 2 === 0 ? redis : theirs).multi()
        if (n % 4 < 2) return multi.incr('counter:1').rpush('list:1', String(n)).incr('free').exec()
        return multi.incr('free').rpush('list:1', String(n)).incr('counter:1').exec()
      }),
    )
    expect(await there()).toMatchObject({ counter: '40', free: '40' })
    expect((await rows()).counters).toEqual(['1 40'])
    expect(await raw.lrange('list:1', 0, -1)).toEqual(
      (await world.rows('SELECT item FROM lists ORDER BY place')).map((it) => it.item),
    )
  })

  test.each([
    ['one command on keys of two plans', () => redis.multi().del('counter:1', 'list:1').exec()],
    ['what would change the connection', () => redis.multi().incr('counter:1').select(3).exec()],
    ['a pipeline around it', () => (redis.pipeline() as never as Redis).multi().incr('counter:1').exec()],
    [
      'an answer by callback',
      () =>
        redis
          .multi()
          .incr('counter:1')
          .exec(() => {}),
    ],
  ])('refuses %s', async (_, work) => {
    await expect((async () => work())()).rejects.toMatchObject({ code: 'COMMAND_UNSUPPORTED' })
    expect(await raw.get('counter:1')).toBeNull()
  })

  test('refuses commands between multi({ pipeline: false }) and exec()', async () => {
    const client = kvmig.wrap(raw.duplicate())
    await client.multi({ pipeline: false })
    await expect((async () => client.incr('counter:1'))()).rejects.toMatchObject({
      code: 'COMMAND_UNSUPPORTED',
    })
    await client.set('free', '1')
    expect(await client.exec()).toEqual([[null, 'OK']])
    client.disconnect()
  })

  test.each([
    [
      'pipeline([…])',
      () =>
        redis
          .pipeline([
            ['incr', 'counter:1'],
            ['incr', 'free'],
          ])
          .exec(),
    ],
    [
      'multi([…])',
      () =>
        redis
          .multi([
            ['incr', 'counter:1'],
            ['incr', 'free'],
          ])
          .exec(),
    ],
    [
      'addBatch([…])',
      () =>
        (redis.pipeline() as never as { addBatch(commands: unknown): ReturnType<Redis['pipeline']> })
          .addBatch([
            ['incr', 'counter:1'],
            ['incr', 'free'],
          ])
          .exec(),
    ],
  ])('takes what is given at once, too: %s', async (_, work) => {
    expect(await work()).toEqual([
      [null, 1],
      [null, 1],
    ])
    expect((await rows()).counters).toEqual(['1 1'])
  })
})

describe('WATCH', () => {
  const increment = (client: Redis, key = 'counter:1') =>
    client
      .multi()
      .incr(key)
      .exec()
      .then((it) => it?.map(([, reply]) => reply) ?? null)

  test.each(['A', 'B', 'C', 'D'] as const)(
    'lets a transaction through whose keys nobody touched, in %s',
    async (phase) => {
      await flip(all(phase))
      await redis.watch('counter:1', 'list:1')
      expect(await increment(redis)).toEqual([1])
      await redis.watch('counter:1')
      expect(await redis.get('counter:1')).toBe('1')
      expect(await increment(redis)).toEqual([2])
    },
  )

  test.each([
    ['A', 'another instance', 'null'],
    ['A', 'somebody past kvmig', 'null'],
    ['B', 'another instance', 'null'],
    ['B', 'another instance, which died before the source had it', 'null'],
    ['B', 'somebody past kvmig', 'null'],
    ['B', 'the client itself', 'null'],
    ['C', 'another instance', 'null'],
    ['C', 'another instance, which died before the source had it', 'null'],
    ['C', 'the client itself', 'null'],
    // Nobody reads there any more.
    ['C', 'somebody past kvmig', 'taken'],
    ['D', 'another instance', 'null'],
    ['B', 'a flip of the route', 'null'],
    ['C', 'an UNWATCH after a write', 'taken'],
    ['B', 'an UNWATCH after a write', 'taken'],
  ] as const)('in %s, a key that was touched by %s: %s', async (phase, who, expected) => {
    await flip(all(phase))
    await redis.watch('counter:1')
    const touches = {
      'another instance': () => theirs.set('counter:1', '5'),
      'another instance, which died before the source had it': async () => {
        const dying = await world.connect(
          { shadow: 0 },
          {
            drainMillis: 0,
            probe: (point) => {
              if (point === 'before.carry') throw new Error('killed')
            },
          },
        )
        await expect(dying.wrap(raw).set('counter:1', '5')).rejects.toThrow('killed')
      },
      'somebody past kvmig': () => raw.set('counter:1', '5'),
      'the client itself': () => redis.set('counter:1', '5'),
      'a flip of the route': () => flip({ counters: 'C' }),
      'an UNWATCH after a write': async () => {
        await redis.set('counter:1', '5')
        await redis.unwatch()
      },
    }
    await touches[who]()
    const reply = await increment(redis)
    expect(reply === null ? 'null' : 'taken').toBe(expected)
    await drained()
    // A transaction that was not taken has ended its watch.
    expect(await increment(redis)).not.toBeNull()
    await raw.del('counter:1')
  })

  test.each([
    ['a list that grew', 'list:1', () => theirs.rpush('list:1', 'z')],
    [
      'a set of which a member is a row, that got another member',
      'tags:1',
      () => theirs.sadd('tags:1', 'new'),
    ],
    ['one that lost a member', 'tags:1', () => theirs.srem('tags:1', 'x')],
  ])('sees %s', async (_, key, touch) => {
    for (const phase of ['B', 'C'] as const) {
      await flip(all(phase))
      await redis.del(key)
      if (key === 'tags:1') await redis.sadd(key, 'x', 'y')
      await redis.watch(key)
      await touch()
      expect(await increment(redis)).toBeNull()
      await redis.watch(key)
      expect(await increment(redis)).not.toBeNull()
    }
  })

  test.each(['A', 'B', 'C'] as const)(
    'counts exactly by GET and SET, whoever counts, in %s',
    async (phase) => {
      await flip(all(phase))
      const counters = [kvmig, other, kvmig, other].map((it) => it.wrap(raw))
      const once = async (client: Redis): Promise<void> => {
        await client.watch('counter:1')
        const next = Number(await client.get('counter:1')) + 1
        if (!(await client.multi().set('counter:1', String(next)).exec())) await once(client)
      }
      await Promise.all(
        counters.map(async (client) => {
          for (let n = 0; n < 5; n++) await once(client)
        }),
      )
      expect(await redis.get('counter:1')).toBe('20')
      await raw.del('counter:1')
    },
  )

  test.each(['A', 'B', 'C'] as const)(
    'two that each watch what the other writes are not both taken, in %s',
    async (phase) => {
      await flip(all(phase))
      for (let n = 0; n < 10; n++) {
        const [one, two] = [kvmig.wrap(raw), other.wrap(raw)]
        await one.watch('counter:1')
        await two.watch('list:1')
        const taken = await Promise.all([
          one.multi().rpush('list:1', 'a').exec(),
          two.multi().incr('counter:1').exec(),
        ])
        expect(taken.filter((it) => it !== null)).toHaveLength(1)
      }
      await raw.del('counter:1', 'list:1')
    },
  )

  test('in A, keys of nobody are watched with those of plans', async () => {
    await flip(all('A'))
    await redis.watch('counter:1', 'free')
    await raw.set('free', 'x')
    expect(await increment(redis)).toBeNull()
    await redis.watch('free')
    await raw.set('free', 'y')
    expect(await redis.multi().set('free', 'z').exec()).toBeNull()
  })

  test('of what only the source has is refused with a write to both sides, not taken on trust', async () => {
    await flip({ counters: 'B', lists: 'A', tags: 'B' })
    for (const key of ['list:1', 'free']) {
      await redis.watch('counter:1', key)
      await expect(increment(redis)).rejects.toMatchObject({ code: 'COMMAND_UNSUPPORTED' })
    }
    await redis.watch('free')
    await expect(increment(redis)).rejects.toMatchObject({ code: 'COMMAND_UNSUPPORTED' })
    await redis.unwatch()
    // What is written to the source alone may depend on both.
    await redis.watch('counter:1', 'free')
    expect(await redis.multi().set('free', '1').exec()).toEqual([[null, 'OK']])
    await redis.watch('counter:1', 'free')
    await theirs.incr('counter:1')
    expect(await redis.multi().set('free', '2').exec()).toBeNull()
    expect(await raw.get('free')).toBe('1')
  })

  test('is refused while instances may write the source only', async () => {
    await flip({ counters: 'B' }, true)
    await redis.watch('counter:1')
    await expect(redis.multi().set('counter:1', '1').exec()).rejects.toMatchObject({
      code: 'ROLLOUT_COMMAND',
    })
  })
})
