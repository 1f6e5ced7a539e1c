// What people write by hand, as programs of their own: node bench/peers.mjs per-key|script SHAPE [--writers 4] [--keys 1000]
// Both use what a careful person would: prepared types, upserts, no row twice. Neither checks, quarantines or resumes anything.
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { SHAPES } from './data.mjs'

const WHOLE = 'vibe:messages'
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { writers: { type: 'string', default: '1' }, keys: { type: 'string' } },
})
const [peer, name] = positionals
const shape = SHAPES[name]
const redis = new Redis(process.env.KV_URL)
const writers = Number(options.writers)
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: writers })
const columns = shape.columns.split(', ').map((it) => it.split(' '))
const names = columns.map(([name]) => name)
const rest = names.slice(1)
const conflict = `ON CONFLICT (${names[0]}) DO UPDATE SET ${rest.map((it) => `${it} = excluded.${it}`).join(', ')}`

if (peer === 'per-key') await perKey(Number(options.keys))
else await script()
await pool.end()
redis.disconnect()

/** GET and INSERT, one key after the other: the loop of a first draft. */
async function perKey(most) {
  const insert = `INSERT INTO ${shape.table} VALUES (${names.map((_, at) => `$${at + 1}`).join(', ')}) ${conflict}`
  let done = 0
  for await (const keys of pages()) {
    for (const key of keys) {
      if (done++ >= most) return
      const value = isField(shape)
        ? await redis.hget(WHOLE, key)
        : await (isHash(shape) ? redis.hgetall(key) : redis.get(key))
      await pool.query(insert, shape.parse(key, value))
    }
  }
}

/** A page at a time: SCAN, one pipeline for its values, one upsert of arrays. */
async function script() {
  const arrays = columns.map(([, type], at) => `$${at + 1}::${type}[]`)
  const upsert = `INSERT INTO ${shape.table} SELECT * FROM unnest(${arrays.join(', ')}) ${conflict}`
  const underWay = new Set()
  for await (const rows of rowPages()) {
    const distinct = [...new Map(rows.map((it) => [it[0], it])).values()]
    const write = pool
      .query(
        upsert,
        names.map((_, at) => distinct.map((row) => row[at])),
      )
      .then(() => underWay.delete(write))
    underWay.add(write)
    if (underWay.size >= writers) await Promise.race(underWay)
  }
  await Promise.all(underWay)
}

async function* rowPages() {
  if (isField(shape)) {
    for await (const found of redis.hscanStream(WHOLE, { count: 1000 }))
      yield found.flatMap((it, at) => (at % 2 ? [shape.parse(found[at - 1], it)] : []))
    return
  }
  for await (const keys of pages()) {
    if (keys.length === 0) continue
    const values = isHash(shape)
      ? (await redis.pipeline(keys.map((it) => ['hgetall', it])).exec()).map(([, it]) => it)
      : await redis.mget(keys)
    yield keys.map((key, at) => shape.parse(key, values[at]))
  }
}

async function* pages() {
  if (!isField(shape)) {
    yield* redis.scanStream({ count: 1000 })
    return
  }
  for await (const found of redis.hscanStream(WHOLE, { count: 1000 }))
    yield found.filter((_, at) => at % 2 === 0)
}

function isField({ command }) {
  return command(0)[1] === WHOLE
}
function isHash({ command }) {
  return command(0)[0] === 'HSET'
}
