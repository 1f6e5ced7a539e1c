// Reads a store to its end with kvmig's own reader and does nothing with it: node bench/drain.mjs
import { redis } from '../dist/sources/redis.js'

const source = await redis.open(process.env.KV_URL, { root: '.', signal: new AbortController().signal })
let entries = 0
for await (const page of source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  entries += page.entries.length
await source.close()
console.log(entries)
