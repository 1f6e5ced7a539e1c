import { afterAll, describe, expect, test } from 'vitest'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startReplit } from '../setup/replit-server.ts'
import { PLANS, startWorld } from './world.ts'

const server = await startReplit()
const world = await startWorld(
  'postgres',
  { users: PLANS.users! },
  { KV_URL: 'replit:', REPLIT_DB_URL: server.url },
)
afterAll(() => server.stop())
await world.applyA()
const internals = { drainMillis: 100, ownMillis: 100, pollMillis: 200 }
const one = await world.connect({ shadow: 0 }, internals)
const other = await world.connect({ shadow: 0 }, internals)
const [users, theirs] = [one.store('users'), other.store('users')]

const there = (id: string): unknown => {
  const value = server.data.get(`user:${id}`)
  return value && JSON.parse(value.toString())
}
const names = async (): Promise<Record<string, unknown>> =>
  Object.fromEntries((await world.rows('SELECT id, name FROM users')).map((it) => [it.id!, it.name]))
const sourceNames = (): Record<string, unknown> =>
  Object.fromEntries(
    [...server.data].map(([key, value]) => [key.slice(5), JSON.parse(value.toString()).name]),
  )
const settled = () => expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])

describe('a store that cannot compare and set', () => {
  test('is written alone in A', async () => {
    await users.put({ id: 'a', name: 'A' })
    expect(there('a')).toMatchObject({ name: 'A' })
    expect(await users.get({ id: 'a' })).toMatchObject({ name: 'A' })
    await users.delete({ id: 'a' })
    expect(there('a')).toBeUndefined()
    expect(await names()).toEqual({})
  })

  test('is written together with Postgres in B and C, and read by the route', async () => {
    for (const phase of ['B', 'C'] as const) {
      await world.flip('users', phase)
      await users.put({ id: 'b', name: phase })
      expect(there('b')).toMatchObject({ name: phase })
      expect(await names()).toEqual({ b: phase })
      await expect.poll(async () => (await theirs.get({ id: 'b' }))?.name).toBe(phase)
      await users.delete({ id: 'b' })
      expect(there('b')).toBeUndefined()
      expect(await names()).toEqual({})
    }
  })

  test.each(['A', 'B', 'C'] as const)('is not asked in %s to hold what it cannot', async (phase) => {
    await world.flip('users', phase)
    const [rows, data] = [await names(), new Map(server.data)]
    for (const [given, why] of [
      [{ id: 'x'.repeat(996), name: 'N' }, 'a key has at most 1000 bytes'],
      [{ id: 'large', name: 'n'.repeat(5 << 20) }, 'a value has at most 5 MiB'],
    ] as const)
      await expect(users.put(given)).rejects.toThrow(why)
    expect([await names(), server.data]).toEqual([rows, data])
    expect(await world.target.transaction(outboxDepth)).toEqual([])
  })

  test('has the last of many writes of two instances', async () => {
    await world.flip('users', 'B')
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => {
        const store = n % 2 === 0 ? users : theirs
        const id = `m${n % 3}`
        return n % 7 === 6 ? store.delete({ id }) : store.put({ id, name: `v${n}` })
      }),
    )
    await settled()
    expect(sourceNames()).toEqual(await names())
  })

  test('gets later what it did not take, and nothing that is older than what it has', async () => {
    server.fail({ status: 500 })
    await expect(users.put({ id: 'late', name: 'first' })).rejects.toMatchObject({
      code: 'WRITE_UNCONFIRMED',
    })
    await theirs.put({ id: 'late', name: 'second' })
    await settled()
    expect(there('late')).toMatchObject({ name: 'second' })
    server.fail({ status: 503 })
    await expect(users.put({ id: 'late', name: 'third' })).rejects.toMatchObject({
      code: 'WRITE_UNCONFIRMED',
    })
    await settled()
    expect(there('late')).toMatchObject({ name: 'third' })
    expect(sourceNames()).toEqual(await names())
  })

  test('is not written by an instance that slept through a flip', async () => {
    let flipped = false
    const sleeper = await world.connect(
      { shadow: 0 },
      {
        ...internals,
        drainMillis: 0,
        pollMillis: 60_000,
        probe: async (point) => {
          if (point !== 'before.carry' || flipped) return
          flipped = true
          await world.flip('users', 'C')
          await theirs.put({ id: 'sleep', name: 'newer' })
        },
      },
    )
    await sleeper.store('users').put({ id: 'sleep', name: 'older' })
    await settled()
    expect(there('sleep')).toMatchObject({ name: 'newer' })
    expect(await names()).toMatchObject({ sleep: 'newer' })
  })

  test('is written by an instance that has the new address, when it was renewed', async () => {
    await world.flip('users', 'B')
    server.renew()
    await expect(users.put({ id: 'renewed', name: 'R' })).rejects.toMatchObject({ code: 'WRITE_UNCONFIRMED' })
    const after = await world.connect({ shadow: 0, variables: { REPLIT_DB_URL: server.url } }, internals)
    await settled()
    expect(there('renewed')).toMatchObject({ name: 'R' })
    await after.close()
  })
})
