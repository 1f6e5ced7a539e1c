import { parseRedisAddress } from './redis/address.ts'
import type { SourceAdapter } from './source.ts'

/**
 * Redis and what speaks its protocol: `redis://user:password@host:6379/0`, `rediss://` with TLS (always verified; `?ca=FILE` adds an
 * authority). Version 6 or newer. A user with few rights needs the commands of `ACL_COMMANDS` and the keys that the plans match.
 */
export const redis: SourceAdapter = {
  name: 'redis',
  schemes: ['redis', 'rediss'],
  summary: 'A Redis server: every type, values as bytes, expiries from the same instant as their values.',
  lacks: {},
  options: { type: 'object', additionalProperties: false, properties: {} },
  async open(address, context) {
    const { RedisSource } = await import('./redis/redis-source.ts')
    return RedisSource.open(parseRedisAddress(address, context.root), context)
  },
  async openLive(address, context) {
    const { LiveRedis } = await import('./redis/live-redis.ts')
    return LiveRedis.open(parseRedisAddress(address, context.root), context)
  },
  async openWriter(address, context) {
    const { RedisWriter } = await import('./redis/redis-writer.ts')
    return RedisWriter.open(parseRedisAddress(address, context.root), context)
  },
}
