import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { ReadCache } from '../../src/runtime/read-cache.ts'
import { PLANS, startWorld } from './world.ts'

const stamp = { version: 1 }

describe('copies of records', () => {
  const clock = { now: 0 }
  const made = (entries = 10) => new ReadCache<string>({ ttlMillis: 100, entries }, () => clock.now)
  const keep = (cache: ReadCache<string>, unit: string, value: string, more = {}) =>
    cache.fill(unit, 1)({ value, stamp, ...more })

  test('are given out until their time is over, counted from when their read began', () => {
    const cache = made()
    const done = cache.fill('a', 1)
    clock.now += 60
    done({ value: 'x', stamp })
    clock.now += 39
    expect(cache.get('a', 1)).toBe('x')
    clock.now += 1
    expect(cache.get('a', 1)).toBeUndefined()
  })

  test('are not given out for longer than the record lasts', () => {
    const cache = made()
    keep(cache, 'a', 'x', { lastsMillis: 5 })
    clock.now += 5
    expect(cache.get('a', 1)).toBeUndefined()
  })

  test('are as many as may be; the one that nobody asked for the longest goes', () => {
    const cache = made(2)
    keep(cache, 'a', 'x')
    keep(cache, 'b', 'x')
    cache.get('a', 1)
    keep(cache, 'c', 'x')
    expect([cache.size, cache.get('a', 1), cache.get('b', 1)]).toEqual([2, 'x', undefined])
  })

  test('are gone with the epoch, and what an older one finds is not kept', () => {
    const cache = made()
    keep(cache, 'a', 'x')
    const late = cache.fill('b', 1)
    expect(cache.get('a', 2)).toBeUndefined()
    late({ value: 'x', stamp })
    expect([cache.get('b', 2), cache.get('b', 1)]).toEqual([undefined, undefined])
  })

  // A store, reads and writes of which each takes a while, in any order: what is given out is never older than a write that has ended.
  test('are never older than a write that has ended', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('read'), unit: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constant('write'), unit: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constant('look'), unit: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constant('answer'), at: fc.nat(5) }),
      fc.record({ do: fc.constant('return'), at: fc.nat(5) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new ReadCache<number>({ ttlMillis: 1e9, entries: 10 }, () => 0)
        const store = new Map([
          ['a', 0],
          ['b', 0],
        ])
        const ended = new Map(store)
        // Each has two halves: the store does it, and the caller hears of it.
        const open: { act(): void; hear(): void; acted: boolean }[] = []
        for (const it of steps) {
          if (it.do === 'read' && 'unit' in it) {
            const { unit } = it
            const done = cache.fill(unit, 1)
            let value = 0
            open.push({
              acted: false,
              act: () => {
                value = store.get(unit)!
              },
              hear: () => done({ value, stamp }),
            })
          } else if (it.do === 'write' && 'unit' in it) {
            const { unit } = it
            const done = cache.write([unit])
            let value = 0
            open.push({
              acted: false,
              act: () => {
                value = store.get(unit)! + 1
                store.set(unit, value)
              },
              hear: () => {
                done()
                ended.set(unit, Math.max(ended.get(unit)!, value))
              },
            })
          } else if (it.do === 'look' && 'unit' in it) {
            const found = cache.get(it.unit, 1)
            if (found !== undefined) expect(found).toBeGreaterThanOrEqual(ended.get(it.unit)!)
          } else if ('at' in it) {
            const waiting = open.filter((one) => one.acted === (it.do === 'return'))
            const one = waiting[it.at % Math.max(1, waiting.length)]
            if (!one) continue
            if (it.do === 'answer') one.act()
            else {
              one.hear()
              open.splice(open.indexOf(one), 1)
            }
            one.acted = true
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})

const plans: Record<string, string> = { ...PLANS, users: `${PLANS.users}reads: { cache: { ttl: 1h } }\n` }
plans.sessions = `${PLANS.sessions}reads: { cache: { ttl: 1h } }\n`

describe.each(['postgres', 'pgbouncer'] as const)('a read cache on %s', async (kind) => {
  const world = await startWorld(kind, plans)
  await world.applyA()
  await world.flip('users', 'C')
  await world.flip('sessions', 'C')
  const [mine, other] = await Promise.all([1, 2].map(() => world.connect({ shadow: 0 }, { pollMillis: 100 })))
  const hits = async (kvmig: Kvmig) =>
    Number(/plan="users",event="cache.hit"\} (\d+)/.exec(await kvmig.metrics())?.[1] ?? 0)
  const users = mine!.store('users')

  test('answers without asking, until somebody of this instance writes', async () => {
    await users.put({ id: 'ann', name: 'one' })
    expect(await users.get({ id: 'ann' })).toMatchObject({ name: 'one' })
    // What nobody tells stays unseen for as long as the plan allows: that is how it shows who answered.
    await world.rows(`UPDATE users SET name = 'by hand' WHERE id = 'ann'`)
    expect(await users.get({ id: 'ann' })).toMatchObject({ name: 'one' })
    expect(await hits(mine!)).toBe(1)
    await users.put({ id: 'ann', name: 'two' })
    expect(await users.get({ id: 'ann' })).toMatchObject({ name: 'two' })
    await users.delete({ id: 'ann' })
    expect(await users.get({ id: 'ann' })).toBeUndefined()
  })

  test('hears of the writes of other instances', async () => {
    await users.put({ id: 'bo', name: 'one' })
    expect(await users.get({ id: 'bo' })).toMatchObject({ name: 'one' })
    await other!.store('users').put({ id: 'bo', name: 'two' })
    await expect.poll(async () => (await users.get({ id: 'bo' }))?.name).toBe('two')
  })

  test('is emptied by a flip of the route', async () => {
    await users.put({ id: 'cy', name: 'one' })
    await users.get({ id: 'cy' })
    await world.rows(`UPDATE users SET name = 'by hand' WHERE id = 'cy'`)
    await world.flip('users', 'B')
    await world.flip('users', 'C')
    await expect.poll(async () => (await users.get({ id: 'cy' }))?.name).toBe('by hand')
  })

  test('gives nobody what another caller changed', async () => {
    await users.put({ id: 'dan', name: 'x', joined: '2026-01-08T00:00:00.000Z' })
    const first = (await users.get({ id: 'dan' })) as { name: string }
    first.name = 'changed'
    expect(await users.get({ id: 'dan' })).toMatchObject({ name: 'x' })
  })

  test('keeps no row for longer than it lasts (H10)', async () => {
    const sessions = mine!.store('sessions')
    // Written and read while it lasts: on a busy machine that may take a second turn.
    await expect
      .poll(async () => {
        const expires_at = new Date(Date.now() + 600).toISOString()
        await sessions.put({ id: 's', handle: 'ann', expires_at })
        return sessions.get({ id: 's' })
      })
      .toMatchObject({ handle: 'ann' })
    await expect.poll(() => sessions.get({ id: 's' })).toBeUndefined()
  })

  test('is not used while writers may be there that nobody hears of', async () => {
    await world.flip('users', 'B', true)
    await expect
      .poll(async () => {
        await users.put({ id: 'eve', name: 'one' })
        await users.get({ id: 'eve' })
        await world.redis.client.set('user:eve', '{"name":"an old instance"}')
        return (await users.get({ id: 'eve' }))?.name
      })
      .toBe('an old instance')
  })
})
