import { expect, test } from 'vitest'
import { outboxDepth } from '../../src/state/outbox.ts'
import { startWorld } from './world.ts'

const listening = (world: Awaited<ReturnType<typeof startWorld>>) =>
  world.rows(
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen %'",
  )

test('notifications are listened for on direct connections', async () => {
  const world = await startWorld()
  await world.applyA()
  await world.connect({ shadow: 0 })
  await expect.poll(async () => (await listening(world)).length).toBe(1)
})

test('through a transaction pooler: writes, flips and counts as without one (H45, H54)', async () => {
  const world = await startWorld('pgbouncer')
  await world.applyA()
  const instances = await Promise.all(
    [1, 2].map(() => world.connect({ shadow: 0, connections: 3 }, { drainMillis: 100, ownMillis: 100 })),
  )
  const stores = instances.map((it) => it.store('users'))
  // LISTEN would stay behind in a session that is the next client's.
  expect(await listening(world)).toEqual([])
  await world.flip('users', 'B')
  // Nobody can listen there: the flip is seen by looking.
  await expect
    .poll(async () => {
      for (const [n, it] of stores.entries()) await it.put({ id: `first-${n}`, name: 'x' })
      return (await world.rows('SELECT id FROM users')).length
    })
    .toBe(2)
  await Promise.all(
    Array.from({ length: 100 }, (_, n) => stores[n % 2]!.put({ id: `u${n % 7}`, name: `v${n}` })),
  )
  await expect.poll(() => world.target.transaction(outboxDepth)).toEqual([])
  for (const { id, name } of await world.rows('SELECT id, name FROM users'))
    expect(JSON.parse((await world.redis.client.get(`user:${id}`))!).name).toBe(name)
})
