import { ndjson } from './ndjson.ts'
import { rdb } from './rdb.ts'
import { redis } from './redis.ts'
import type { SourceAdapter } from './source.ts'
import { upstash } from './upstash.ts'

/** Every kind of store this build can read. */
export const SOURCES: readonly SourceAdapter[] = [redis, upstash, rdb, ndjson]
