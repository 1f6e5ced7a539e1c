import { afterAll, beforeAll } from 'vitest'
import type { SourceContext } from '../../src/sources/source.ts'
import { upstash } from '../../src/sources/upstash.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { startUpstash, type UpstashOptions } from '../setup/upstash-server.ts'
import { describeSource } from './conformance.ts'
import { writeEntries } from './redis-commands.ts'

let redis: FreshRedis
beforeAll(async () => {
  redis = await freshRedis()
})
afterAll(() => redis.stop())

const KINDS: readonly {
  readonly name: string
  readonly server: UpstashOptions
  readonly more?: Partial<SourceContext>
}[] = [
  { name: 'upstash', server: {} },
  {
    name: 'upstash, an older one: small requests, no types in SCAN, no absolute expiries, at a limited pace',
    server: { requestBytes: 50_000, without: ['WITHTYPE', 'PEXPIRETIME'] },
    more: { perSecond: 1_000_000 },
  },
]

for (const { name, server, more } of KINDS) {
  describeSource({
    name,
    adapter: upstash,
    reached: 'by http',
    start: async (entries) => {
      await redis.client.flushall()
      await writeEntries(redis.client, entries)
      const rest = await startUpstash(redis.port, server)
      const variables = { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token }
      return {
        open: (context) => upstash.open('upstash:', { ...context, ...more, variables }),
        stop: rest.stop,
        network: {
          port: Number(new URL(rest.url).port),
          open: (context, port) => {
            const there = { ...variables, UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${port}` }
            return upstash.open('upstash:', { ...context, ...more, variables: there })
          },
          twice: rest.scanTwice,
          refuse: (...statuses) => rest.fail(...statuses.map((status) => ({ status }))),
        },
      }
    },
  })
}
