import { afterAll, beforeAll } from 'vitest'
import { redis } from '../../src/sources/redis.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { describeSource } from './conformance.ts'
import { writeEntries } from './redis-commands.ts'

let server: FreshRedis
beforeAll(async () => {
  server = await freshRedis()
})
afterAll(() => server.stop())

describeSource({
  name: 'redis',
  start: async (entries) => {
    await server.client.flushall()
    await writeEntries(server.client, entries)
    return { open: (context) => redis.open(server.url, context), stop: async () => {} }
  },
})

describeSource({
  name: 'redis, another database, at a limited pace',
  start: async (entries) => {
    await server.client.flushall()
    await server.client.select(5)
    await writeEntries(server.client, entries)
    await server.client.select(0)
    return {
      open: (context) => redis.open(`${server.url}/5`, { ...context, perSecond: 1_000_000 }),
      stop: async () => {},
    }
  },
})
