import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

const KEYS = 6_000

let redis: FreshRedis
let database: FreshDatabase
const project = projectFolder({
  'migrations.yaml':
    'version: 1\nsources: { kv: "${KV_URL}" }\ntarget: ${DATABASE_URL}\nplans: plans/*.yaml\n',
  'plans/people.yaml': `version: 1
plan: people
mappings:
  - { match: 'person:{id:int}', type: string, into: people, fields: { id: $id, name: $value } }
tables:
  people: { columns: { id: integer, name: text not null }, primary_key: [id] }
`,
})

beforeAll(async () => {
  redis = await freshRedis()
  database = await freshDatabase()
  const pipeline = redis.client.pipeline()
  for (let id = 0; id < KEYS; id++) pipeline.set(`person:${id}`, `Ann ${id}`)
  await pipeline.exec()
})
afterAll(async () => {
  project.remove()
  await database.drop()
  await redis.stop()
})

const apply = (...more: string[]) =>
  ran(project.path, ['apply', '--phase=A', '--yes', '--batch', '100', ...more], {
    KV_URL: redis.url,
    DATABASE_URL: database.url,
  })

/** Keys that were read so far, by anybody. */
const keysRead = async (): Promise<number> =>
  Number(/^keyspace_hits:(\d+)/m.exec(await redis.client.info('stats'))![1])

/** Has everybody else stopped asking the source, for a second or longer? */
async function isQuiet(): Promise<boolean> {
  const own = await redis.client.client('ID')
  const clients = String(await redis.client.client('LIST'))
    .trim()
    .split('\n')
  return clients.every((it) => it.startsWith(`id=${own} `) || Number(/ idle=(\d+)/.exec(it)![1]) >= 1)
}

test('while Postgres takes nothing, the source is not read on: two batches and the pages ahead are all that waits', async () => {
  expect((await apply()).code).toBe(0)
  const locker = new pg.Client({ connectionString: database.url })
  await locker.connect()
  for (const statement of ['TRUNCATE people', 'BEGIN', 'LOCK TABLE people IN SHARE MODE'])
    await locker.query(statement)
  const before = await keysRead()
  const copying = apply('--again')
  const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted'
  while ((await database.query(waiting)).rows.length === 0 || !(await isQuiet()));
  expect((await keysRead()) - before).toBeGreaterThan(100)
  expect((await keysRead()) - before).toBeLessThan(KEYS / 4)
  await locker.query('COMMIT')
  await locker.end()
  expect((await copying).code).toBe(0)
  expect((await database.query('SELECT count(*)::int AS rows FROM people')).rows[0]).toEqual({ rows: KEYS })
})
