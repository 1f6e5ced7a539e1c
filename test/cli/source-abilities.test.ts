import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectFolder, ran } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { freshRedis } from '../setup/redis.ts'
import { openWritable } from '../setup/sqlite.ts'

// What a source can do beside giving pages has to come through everything that stands around it on the command line.

const copyOf = ({ stdout }: { readonly stdout: string }) =>
  JSON.parse(stdout).steps.find((it: { id: string }) => it.id.includes('/backfill/')).counts

test('apply --again reads what has changed, where a database tells that', async () => {
  const database = await freshDatabase()
  const project = projectFolder({
    'migrations.yaml': `version: 1
sources: { db: { url: 'sqlite:./app.db', changed: updated_at } }
target: \${DATABASE_URL}
plans: plans/*.yaml
`,
    'plans/notes.yaml': `version: 1
plan: notes
mappings:
  - match: notes:{_}
    type: string
    decode: json
    into: notes
    fields: { id: id, text: text }
    unmapped: { drop: [updated_at], because: it only says when }
tables:
  notes: { columns: { id: text, text: text not null }, primary_key: [id] }
`,
  })
  const writer = await openWritable(join(project.path, 'app.db'))
  writer.exec(`CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, text TEXT, updated_at INTEGER);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO notes SELECT 'n' || i, 'text', i FROM n`)
  const run = (...more: string[]) =>
    ran(project.path, ['apply', '--phase=A', '--yes', '--json', ...more], { DATABASE_URL: database.url })
  expect(copyOf(await run())).toMatchObject({ keys: 500, inserted: 500 })
  writer.exec(`UPDATE notes SET text = 'new', updated_at = 1000 WHERE id = 'n7'`)
  const second = await run('--again')
  expect(second.code).toBe(0)
  // The row of the last moment comes again: another may have had the same.
  expect(copyOf(second)).toMatchObject({ keys: 2, updated: 1, unchanged: 1 })
  writer.close()
  project.remove()
  await database.drop()
})

test('lookups ask the store key by key, and hold none of it', async () => {
  const [database, redis] = [await freshDatabase(), await freshRedis()]
  const project = projectFolder({
    'migrations.yaml':
      'version: 1\nsources: { kv: "${KV_URL}" }\ntarget: ${DATABASE_URL}\nplans: plans/*.yaml\n',
    'plans/users.yaml': `version: 1
plan: users
mappings:
  - match: user:{id}
    type: string
    into: users
    fields: { id: $id, name: $value, email: "get('email:{$id}')" }
tables:
  users: { columns: { id: text, name: text not null, email: text }, primary_key: [id] }
`,
  })
  await redis.client.mset('user:1', 'Ann', 'email:1', 'ann@example.com', 'user:2', 'Bo')
  const ended = await ran(project.path, ['apply', '--phase=A', '--yes'], {
    KV_URL: redis.url,
    DATABASE_URL: database.url,
  })
  expect(ended.code).toBe(0)
  const { rows } = await database.query('SELECT id, email FROM users ORDER BY id')
  expect(rows).toEqual([
    { id: '1', email: 'ann@example.com' },
    { id: '2', email: null },
  ])
  // Values are read by MGET; only lookups are asked by GET.
  expect(await redis.client.info('commandstats')).toMatch(/^cmdstat_get:calls=[1-9]/m)
  project.remove()
  await database.drop()
  await redis.stop()
})
