import { afterAll, describe, expect, test, vi } from 'vitest'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startProxy } from '../setup/proxy.ts'
import { PLANS, startWorld } from './world.ts'

const world = await startWorld('postgres', {
  ...PLANS,
  counts: `
version: 1
plan: counts
mappings:
  - { match: 'count:{id}', type: string, into: counts, fields: { id: $id, n: $value | int } }
tables:
  counts: { columns: { id: text, n: bigint not null }, primary_key: [id] }
writes: { failure: available }
`,
})
await world.applyA()
for (const plan of ['users', 'counts', 'scores']) await world.flip(plan, 'B')
const kv = await startProxy(world.redis.port)
afterAll(() => kv.close())
const url = Object.assign(new URL(world.redis.url), { port: String(kv.port) }).href
const internals = { pollMillis: 200, ownMillis: 0, drainMillis: 50 }
const options = { shadow: 0, timeoutMillis: 1500 }
const emptyOutbox = () => expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
const nameIn = {
  source: async (id: string) => JSON.parse((await world.redis.client.get(`user:${id}`))!).name,
  target: async (id: string) => (await world.rows(`SELECT name FROM users WHERE id = '${id}'`))[0]?.name,
}

describe('writes', () => {
  test('H18 a counter counts each call once, however often its answer is lost', async () => {
    const kvmig = await world.connect({ ...options, variables: { KV_URL: url } }, internals)
    const redis = kvmig.wrap(world.redis.client)
    let requests = 0
    let cuts = 0
    kv.onRequest((bytes) => {
      if (!bytes.includes('count:h18') || ++requests % 3 !== 0) return
      // The request goes on to the server; its answer does not come back.
      cuts += 1
      kv.cutAfter(0)
    })
    let taken = 0
    for (let n = 0; n < 20; n++) {
      await redis.incr('count:h18')
      taken += 1
    }
    kv.onRequest(undefined)
    expect([taken, cuts > 1]).toEqual([20, true])
    await emptyOutbox()
    expect(await world.rows(`SELECT n FROM counts WHERE id = 'h18'`)).toEqual([{ n: '20' }])
    expect(await world.redis.client.get('count:h18')).toBe('20')
  })

  test('H20 no clock decides who was last: the later write wins, though its machine is hours behind', async () => {
    const [early, late] = await Promise.all([1, 2].map(() => world.connect(options, internals)))
    try {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
      await early!.store('users').put({ id: 'h20', name: 'first' })
      vi.setSystemTime(Date.now() - 7_200_000)
      await late!.store('users').put({ id: 'h20', name: 'second' })
    } finally {
      vi.useRealTimers()
    }
    await emptyOutbox()
    expect([await nameIn.source('h20'), await nameIn.target('h20')]).toEqual(['second', 'second'])
  })

  test('H50 writers of the same records in any order wait for each other, and none of them fails', async () => {
    // Sixty that wait in one line are about order, not about a busy machine's patience.
    const patient = { ...options, timeoutMillis: 20_000 }
    const instances = await Promise.all(Array.from({ length: 4 }, () => world.connect(patient, internals)))
    const wrapped = instances.map((it) => it.wrap(world.redis.client))
    const keys = Array.from({ length: 6 }, (_, n) => `user:h50-${n}`)
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => {
        const order = n % 2 === 0 ? keys : [...keys].reverse()
        const pairs = order.flatMap((key) => [key, JSON.stringify({ name: `v${n}` })])
        return wrapped[n % 4]!.mset(...pairs)
      }),
    )
    await emptyOutbox()
    const names = await Promise.all(
      keys.map(async (key) => [await nameIn.source(key.slice(5)), await nameIn.target(key.slice(5))]),
    )
    // All of one write, on both sides.
    expect(new Set(names.flat()).size).toBe(1)
  })

  test('H57 what the source lost after it had confirmed it is brought back from Postgres by the next write of it', async () => {
    const kvmig = await world.connect(options, internals)
    const redis = kvmig.wrap(world.redis.client)
    await redis.set('count:h57', '7')
    // A failover to a replica that had not heard of it.
    await world.redis.client.del('count:h57', 'kvmig:v:{count:h57}')
    expect(await redis.incr('count:h57')).toBe(8)
    expect(await world.redis.client.get('count:h57')).toBe('8')
  })
})

describe('reads', () => {
  test('a shadow read adds nothing to what the caller waits for, though the other side is silent', async () => {
    await world.flip('users', 'C')
    const kvmig = await world.connect({ ...options, shadow: 1, variables: { KV_URL: url } }, internals)
    const users = kvmig.store('users')
    await users.put({ id: 'quick', name: 'x' })
    kv.stall(true)
    // Answered while the source answers nothing at all: nobody waited for it.
    expect(await users.get({ id: 'quick' })).toMatchObject({ name: 'x' })
    expect(await kvmig.metrics()).not.toContain('event="shadow.')
    kv.stall(false)
    await expect.poll(() => kvmig.metrics()).toMatch(/event="shadow\.(match|error|timeout)"\} 1/)
    await world.flip('users', 'B')
  })
})
