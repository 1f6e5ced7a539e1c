import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Probe } from '../../src/runtime/walk.ts'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startProxy } from '../setup/proxy.ts'
import { PLANS, startWorld } from './world.ts'

// What stores, processes and machines do to a write, each at the moment where it hurts.

const world = await startWorld('postgres', {
  users: PLANS.users!,
  scores: `${PLANS.scores}writes: { failure: available }\n`,
})
await world.applyA()
const sql = await startProxy(Number(new URL(world.variables.DATABASE_URL).port))
const kv = await startProxy(world.redis.port)
afterAll(() => Promise.all([sql.close(), kv.close()]))
const through = (address: string, port: number): string =>
  Object.assign(new URL(address), { port: String(port) }).href
const variables = {
  DATABASE_URL: through(world.variables.DATABASE_URL, sql.port),
  KV_URL: through(world.redis.url, kv.port),
}
const plain = await world.connect({ shadow: 0 }, { pollMillis: 100 })
const users = plain.store('users')

/** An instance of its own; `then` happens at a point of its first write, once. */
const connect = (at?: Parameters<Probe>[0], then?: () => unknown, options: object = {}) => {
  let passed = false
  return world.connect(
    { shadow: 0, timeoutMillis: 400, ...options },
    {
      pollMillis: 60_000,
      staleMillis: 60_000,
      drainMillis: 0,
      probe: async (point) => {
        if (passed || point !== at) return
        passed = true
        await then?.()
      },
    },
  )
}

const both = async (id: string): Promise<readonly unknown[]> => {
  const text = await world.redis.client.get(`user:${id}`)
  const rows = await world.rows(`SELECT name FROM users WHERE id = '${id}'`)
  return [text === null ? undefined : JSON.parse(text).name, rows[0]?.name]
}
const drained = () => expect.poll(() => world.target.transaction(outboxDepth), { timeout: 8000 }).toEqual([])

beforeEach(async () => {
  for (const it of [kv, sql]) {
    it.stall(false)
    it.cutAfter(0)
    it.cutAfter(Number.POSITIVE_INFINITY)
  }
  for (const plan of ['users', 'scores']) await world.flip(plan, 'B')
  await world.known(plain)
})

describe('a store that takes requests and never answers', () => {
  test('the source: the caller hears so after the time that he gave, or, where the plan says so, nothing', async () => {
    const slow = await connect(undefined, undefined, { variables })
    await slow.store('users').put({ id: 'kv', name: 'one' })
    kv.stall(true)
    await expect(slow.store('users').put({ id: 'kv', name: 'two' })).rejects.toMatchObject({
      code: 'WRITE_UNCONFIRMED',
    })
    await slow.store('scores').put({ game: 'kv', player: 'ann', points: 2n })
    kv.stall(false)
    await drained()
    expect(await both('kv')).toEqual(['two', 'two'])
    expect(await world.redis.client.hget('scores:kv', 'ann')).toBe('2')
  })

  test('Postgres: the source is not touched, whatever the plan says', async () => {
    const slow = await connect(undefined, undefined, { variables })
    await slow.store('users').put({ id: 'sql', name: 'one' })
    await slow.store('scores').put({ game: 'sql', player: 'ann', points: 1n })
    sql.stall(true)
    await expect(slow.store('users').put({ id: 'sql', name: 'two' })).rejects.toMatchObject({
      code: expect.stringMatching(/^WRITE_/),
    })
    await expect(slow.store('scores').put({ game: 'sql', player: 'ann', points: 2n })).rejects.toMatchObject({
      code: expect.stringMatching(/^WRITE_/),
    })
    expect((await both('sql'))[0]).toBe('one')
    expect(await world.redis.client.hget('scores:sql', 'ann')).toBe('1')
  })
})

describe('an instance that ends', () => {
  test('finishes the writes that are under way, and takes no more', async () => {
    let closing: Promise<void> | undefined
    const ending = await connect('before.carry', () => {
      closing = ending.close()
    })
    const store = ending.store('users')
    await store.put({ id: 'ends', name: 'kept' })
    await closing
    expect(await both('ends')).toEqual(['kept', 'kept'])
    expect(await world.target.transaction(outboxDepth)).toEqual([])
    await expect(store.put({ id: 'ends', name: 'late' })).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(store.get({ id: 'ends' })).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await both('ends')).toEqual(['kept', 'kept'])
  })
})

describe('connections to Postgres', () => {
  test('are fewer than writes: each gets its turn', async () => {
    const narrow = await connect(undefined, undefined, { connections: 1, timeoutMillis: 5000 })
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => narrow.store('users').put({ id: `n${n}`, name: `v${n}` })),
    )
    expect(await both('n39')).toEqual(['v39', 'v39'])
  })

  test('are all held up by a lock of somebody else: that is over after the time that the caller gave', async () => {
    const narrow = await connect(undefined, undefined, { connections: 2 })
    const store = narrow.store('users')
    for (const id of ['a', 'b']) await users.put({ id, name: 'old' })
    await world.target.transaction(async (tx) => {
      await tx.query(`SELECT FROM kvmig.touch WHERE key IN ('user:a', 'user:b') FOR UPDATE`)
      const held = ['a', 'b'].map((id) => store.put({ id, name: 'new' }))
      const free = store.put({ id: 'c', name: 'new' })
      for (const it of held) await expect(it).rejects.toMatchObject({ code: 'WRITE_REFUSED' })
      await free
    })
    expect(await Promise.all(['a', 'b', 'c'].map(both))).toEqual([
      ['old', 'old'],
      ['old', 'old'],
      ['new', 'new'],
    ])
  })
})

describe('an instance that is frozen while routes are flipped twice', () => {
  /** The route goes to C and back, and others write meanwhile. */
  const twice = (id: string) => async (): Promise<void> => {
    for (const phase of ['C', 'B'] as const) {
      await world.flip('users', phase)
      await world.raiseEpoch('users')
      await world.known(plain)
      await users.put({ id, name: `awake in ${phase}` })
    }
  }

  test('before its write: it writes by the route of now', async () => {
    const frozen = await connect('before.record', twice('f1'))
    await frozen.store('users').put({ id: 'f1', name: 'thawed' })
    expect(await both('f1')).toEqual(['thawed', 'thawed'])
  })

  test('between its halves: what was written since stays', async () => {
    const frozen = await connect('before.carry', twice('f2'))
    await frozen.store('users').put({ id: 'f2', name: 'frozen' })
    expect(await both('f2')).toEqual(['awake in B', 'awake in B'])
  })

  test('between its halves, and the source is retired: it is not written any more', async () => {
    await world.flip('users', 'C')
    const frozen = await connect('before.carry', async () => {
      for (const phase of ['B', 'C', 'D'] as const) {
        await world.flip('users', phase)
        await world.raiseEpoch('users')
      }
    })
    await frozen.store('users').put({ id: 'f3', name: 'kept' })
    expect(await both('f3')).toEqual([undefined, 'kept'])
  })

  test('before its write in A: what it knows of is long over, and both sides get it', async () => {
    await world.flip('users', 'A')
    const frozen = await connect('before.set', async () => {
      await world.flip('users', 'B', true)
      await world.raiseEpoch('users')
      await world.flip('users', 'B')
      await world.raiseEpoch('users')
    })
    await frozen.store('users').put({ id: 'f4', name: 'thawed' })
    expect(await both('f4')).toEqual(['thawed', 'thawed'])
  })
})
