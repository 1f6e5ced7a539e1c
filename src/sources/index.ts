import { chroma } from './chroma.ts'
import { ndjson } from './ndjson.ts'
import { rdb } from './rdb.ts'
import { redis } from './redis.ts'
import { cluster } from './redis-cluster.ts'
import { replit } from './replit.ts'
import type { SourceAdapter } from './source.ts'
import { sqlite } from './sqlite.ts'
import { upstash } from './upstash.ts'

/** Every kind of store this build can read. What one needs is loaded when it is opened. */
export const SOURCES: readonly SourceAdapter[] = [
  redis,
  cluster,
  upstash,
  replit,
  sqlite,
  chroma,
  rdb,
  ndjson,
]
