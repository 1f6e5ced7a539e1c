import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { redis } from '../../src/sources/redis.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { describeSource } from './conformance.ts'
import { writeEntries } from './redis-commands.ts'

let master: FreshRedis
let replica: FreshRedis
beforeAll(async () => {
  master = await freshRedis({ arguments: ['--repl-diskless-sync-delay', '0'] })
  replica = await freshRedis()
  await replica.client.replicaof('127.0.0.1', master.port)
  await vi.waitFor(
    async () => expect(await replica.client.info('replication')).toContain('master_link_status:up'),
    { timeout: 20_000 },
  )
}, 30_000)
afterAll(async () => {
  await replica.stop()
  await master.stop()
})

describeSource({
  name: 'redis, by its replica',
  adapter: redis,
  reached: 'by tcp',
  start: async (entries) => {
    await master.client.flushall()
    await writeEntries(master.client, entries)
    // Acknowledged by the replica: it has all of it.
    await vi.waitFor(async () => expect(await master.client.wait(1, 1000)).toBe(1), { timeout: 20_000 })
    return {
      open: (context) => redis.open(replica.url, context),
      stop: async () => {},
      network: {
        port: replica.port,
        open: (context, port) => redis.open(`redis://127.0.0.1:${port}`, context),
      },
    }
  },
})

const context = { root: '/', signal: new AbortController().signal }

test('says that it is a replica, and since when it knows nothing new', async () => {
  const source = await redis.open(replica.url, context)
  expect(source.warnings).toEqual([
    expect.stringMatching(
      /is a replica and heard of its primary \d+ s ago: what it does not have yet is not copied/,
    ),
  ])
  await source.close()
  const primary = await redis.open(master.url, context)
  expect(primary.warnings).toEqual([])
  await primary.close()
})

test('is never taken for a store that can be written to', async () => {
  const live = await redis.openLive!(replica.url, context)
  await expect(live.raiseEpoch('plan', 1)).rejects.toMatchObject({
    code: 'SOURCE_READONLY',
    hint: expect.stringContaining('primary'),
  })
  await live.close()
})

// The last one: it does not come back to its primary.
test('says that it has lost its primary', async () => {
  await master.client.call('ACL', 'SETUSER', 'default', '-psync', '-sync')
  await master.client.call('CLIENT', 'KILL', 'TYPE', 'replica')
  await vi.waitFor(
    async () => expect(await replica.client.info('replication')).toContain('master_link_status:down'),
    { timeout: 20_000 },
  )
  const source = await redis.open(replica.url, context)
  expect(source.warnings![0]).toMatch(/is a replica and lost its primary \d+ s ago: /)
  await source.close()
})
