import { afterAll, beforeAll, expect } from 'vitest'
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
  await expect
    .poll(async () => String(await replica.client.info('replication')), { timeout: 20_000 })
    .toContain('master_link_status:up')
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
    await expect.poll(() => master.client.wait(1, 1000), { timeout: 20_000 }).toBe(1)
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
