import { afterEach, describe, expect, test } from 'vitest'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
await world.redis.client.set('user:ann', '{"name":"Ann","visits":3,"joined":1767830400000}')
await world.applyA()
const kvmig = await world.connect({ shadow: 0 })
const users = kvmig.store('users')
const scores = kvmig.store('scores')
const sessions = kvmig.store('sessions')

const ANN = { id: 'ann', name: 'Ann', visits: 3, joined: '2026-01-08T00:00:00.000Z' }
const inRedis = (key: string) => world.redis.client.get(key)
const rows = () => world.rows('SELECT id, name, visits FROM users ORDER BY id')
const emptyOutbox = () => expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
const flip = async (plan: string, phase: 'A' | 'B' | 'C' | 'D') => {
  await world.flip(plan, phase)
}
afterEach(emptyOutbox)

describe('a store', () => {
  test('reads and writes the source alone in A', async () => {
    expect(await users.get({ id: 'ann' })).toEqual(ANN)
    await users.put({ id: 'bo', name: 'Bo', visits: 1, joined: new Date(1767830400000) })
    expect(JSON.parse((await inRedis('user:bo'))!)).toEqual({ name: 'Bo', visits: 1, joined: 1767830400000 })
    expect(await rows()).toEqual([{ id: 'ann', name: 'Ann', visits: '3' }])
    await users.delete({ id: 'bo' })
    expect(await inRedis('user:bo')).toBeNull()
  })

  test('writes both in B, and hears of it within two seconds', async () => {
    await flip('users', 'B')
    await expect
      .poll(async () => {
        await users.put({ ...ANN, visits: 4 })
        return (await rows())[0]!.visits
      })
      .toBe('4')
    expect(JSON.parse((await inRedis('user:ann'))!).visits).toBe(4)
    await users.put({ id: 'cy', name: 'Cy' })
    expect(await users.get({ id: 'cy' })).toEqual({ id: 'cy', name: 'Cy', visits: 0, joined: null })
    await users.delete({ id: 'cy' })
    expect(await users.get({ id: 'cy' })).toBeUndefined()
    expect(await inRedis('user:cy')).toBeNull()
    expect((await rows()).map((it) => it.id)).toEqual(['ann'])
  })

  test('reads Postgres in C, and the source is written on', async () => {
    await flip('users', 'C')
    await world.rows(`UPDATE users SET name = 'Ann of Postgres' WHERE id = 'ann'`)
    await expect.poll(async () => (await users.get({ id: 'ann' }))?.name).toBe('Ann of Postgres')
    await users.put({ ...ANN, visits: 5 })
    expect(JSON.parse((await inRedis('user:ann'))!).visits).toBe(5)
  })

  test('leaves the source alone in D', async () => {
    await flip('users', 'D')
    await expect
      .poll(async () => {
        await users.put({ ...ANN, visits: 6 })
        return JSON.parse((await inRedis('user:ann'))!).visits
      })
      .toBe(5)
    expect((await users.get({ id: 'ann' }))!.visits).toBe(6)
  })

  test('writes fields of a hash, each by itself', async () => {
    await flip('scores', 'B')
    await expect
      .poll(async () => {
        await scores.put({ game: 'go', player: 'ann', points: 2n ** 60n })
        return (await world.rows('SELECT * FROM scores')).length
      })
      .toBe(1)
    await scores.put({ game: 'go', player: 'bo', points: 7 })
    expect(await world.redis.client.hgetall('scores:go')).toEqual({ ann: String(2n ** 60n), bo: '7' })
    expect(await scores.get({ game: 'go', player: 'ann' })).toEqual({
      game: 'go',
      player: 'ann',
      points: 2n ** 60n,
    })
    await scores.delete({ game: 'go', player: 'ann' })
    expect(await world.redis.client.hgetall('scores:go')).toEqual({ bo: '7' })
    expect(await world.rows('SELECT player FROM scores')).toEqual([{ player: 'bo' }])
  })

  test('shows no row that has expired, on either side (H10)', async () => {
    await flip('sessions', 'C')
    let expires_at = ''
    // Written and read while it lasts: on a busy machine that may take a second turn.
    await expect
      .poll(async () => {
        expires_at = new Date(Date.now() + 700).toISOString()
        await sessions.put({ id: 's1', handle: 'ann', expires_at })
        return (await world.rows('SELECT * FROM sessions')).length && (await sessions.get({ id: 's1' }))
      })
      .toMatchObject({ handle: 'ann', expires_at: expect.any(String) })
    const [row] = await world.rows('SELECT expires_at FROM sessions')
    expect(new Date(String(row!.expires_at)).toISOString()).toBe(expires_at)
    await expect.poll(() => inRedis('session:s1')).toBeNull()
    await expect.poll(() => sessions.get({ id: 's1' })).toBeUndefined()
    expect(await world.rows('SELECT id FROM sessions')).toHaveLength(1)
  })

  test.each([
    ['a column it does not fill', { id: 'x', name: 'X', age: 3 }, 'COLUMN_UNKNOWN'],
    ['a row without its key', { name: 'X' }, 'KEY_MISSING'],
    ['a value the column cannot hold', { id: 'x', name: 'X', visits: 2 ** 31 }, 'REJECTED'],
    ['a row without what it has to have', { id: 'x' }, 'REJECTED'],
    ['text that Postgres cannot hold', { id: 'x', name: 'a\0b' }, 'REJECTED'],
    ['a time without a zone', { id: 'x', name: 'X', joined: '2026-01-08T00:00:00' }, 'REJECTED'],
    ['a key the pattern does not take', { id: 'a:b', name: 'X' }, 'NOT_CLAIMED'],
  ])('refuses %s', async (_, row, code) => {
    const error = await users.put(row as never).catch((it) => it)
    expect(error).toMatchObject({ code })
    expect(String(error.message)).not.toContain('a\0b')
  })

  test('refuses a plan or a mapping that is not there', () => {
    expect(() => kvmig.store('nobody')).toThrow('There is no plan "nobody"')
    expect(() => kvmig.store('users', 'nothing')).toThrow('no mapping "nothing"')
  })

  test('tells Prometheus what it measured', async () => {
    const text = await kvmig.metrics()
    expect(text).toMatch(/kvmig_latency_seconds_count\{plan="users",side="target",operation="put"\} [1-9]/)
    expect(text).toMatch(/^# TYPE kvmig_outbox_entries gauge$/m)
  })
})

describe('an override by the environment', () => {
  test('reads from the side it names, whatever the route says', async () => {
    await flip('sessions', 'B')
    const forced = await world.connect({ shadow: 0, variables: { USE_POSTGRES_SESSIONS: 'true' } })
    await world.rows(`INSERT INTO sessions VALUES ('only here', 'x', NULL)`)
    expect(await forced.store('sessions').get({ id: 'only here' })).toMatchObject({ handle: 'x' })
  })

  test.each([
    [{ USE_POSTGRES_NOBODY: 'true' }, 'USE_POSTGRES_NOBODY is set, and there is no plan of that name.'],
    [{ USE_POSTGRES_USERS: 'yes' }, 'USE_POSTGRES_USERS may be true or false.'],
    [{ USE_POSTGRES_USERS: 'false' }, 'it is in phase D'],
  ])('is refused where it makes no sense: %o', async (variables, message) => {
    await expect(world.connect({ variables })).rejects.toThrow(message)
  })
})
