import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memorySource } from '../../src/sources/memory.ts'
import type { Entry } from '../../src/sources/source.ts'
import { type Harness, openProject } from '../runner/harness.ts'
import { projectFolder } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { list, string } from '../sources/entries.ts'
import { requireAccounts } from './accounts.ts'
import { PROJECT } from './world.ts'

const json = (key: string, value: unknown): Entry => string(key, JSON.stringify(value))

/** Something of everything that takes the careful way: fights, refusals, orphans, rings, values that are allowed once. */
const PLAN = `version: 1
plan: data
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, conflict: newest(at), fields: { id: $id | lower, email: email, age: age, at: t } }
  - { match: 'old:{id}', type: string, into: users, conflict: keep, fields: { id: $id, email: $value } }
  - { match: 'node:{id:int}', type: string, decode: json, into: nodes, fields: { id: $id, parent: p, owner: by } }
  - { match: 'tags:{user}', each: item, into: tags, fields: { owner: $user, tag: $value } }
tables:
  users:
    columns: { id: text, email: text, age: integer, at: integer }
    primary_key: [id]
    unique: [[email]]
    checks: [age > 0]
  nodes:
    columns: { id: serial, parent: integer, owner: text }
    primary_key: [id]
    references:
      - { columns: [parent], to: nodes(id), deferrable: true }
      - { columns: [owner], to: users(id) }
  tags:
    columns: { owner: text, tag: text }
    primary_key: [owner, tag]
    indexes: { tags_tag: { columns: ['lower(tag)', owner], unique: true } }
`
const entries = [
  ...Array.from({ length: 40 }, (_, it) => json(`user:u${it}`, { email: `e${it}`, age: it % 7, t: it })),
  ...Array.from({ length: 12 }, (_, it) =>
    json(`user:U${it}`, { email: `e${it}`, age: 5, t: it % 3 === 0 ? it : it + 1 }),
  ),
  ...Array.from({ length: 6 }, (_, it) => string(`old:u${it + 38}`, `e${it + 30}`)),
  ...Array.from({ length: 20 }, (_, it) => json(`node:${it}`, { p: it === 0 ? null : it - 1, by: `u${it}` })),
  ...[json('node:30', { p: 31, by: 'u1' }), json('node:31', { p: 30, by: 'u1' }), json('node:40', { p: 41 })],
  list('tags:a', ['x', 'X', 'x', 'y']),
]

test('an embedded Postgres ends up with the same rows, quarantine and counts as a server', async () => {
  const folder = projectFolder({ 'migrations.yaml': PROJECT, 'plans/data.yaml': PLAN })
  const database = await freshDatabase()
  const embedded = mkdtempSync(join(tmpdir(), 'kvmig-pglite-'))
  const found: unknown[] = []
  for (const address of [database.url, `pglite:${embedded}/pg`]) {
    const harness = await openProject(
      folder.path,
      { DATABASE_URL: address, KV_URL: 'memory:' },
      { batchRows: 9, openSource: async () => memorySource(entries, undefined, { pageSize: 9 }) },
    )
    for (const again of [false, true]) {
      const { steps } = await harness.apply({ again })
      expect(steps.flatMap((it) => it.error ?? [])).toEqual([])
      await requireAccounts(harness)
      found.push(await contents(harness))
    }
    await harness.rollback()
    expect(await query(harness, "select count(*) from pg_tables where schemaname = 'public'")).toEqual([
      { count: '0' },
    ])
    await harness.close()
  }
  expect(found[2]).toEqual(found[0])
  expect(found[3]).toEqual(found[1])
  await database.drop()
  folder.remove()
  rmSync(embedded, { recursive: true, force: true })
})

const query = ({ session }: Harness, sql: string) =>
  session.target.transaction((tx) => tx.query(sql), { searchPath: ['public'] })

const contents = async (harness: Harness) => ({
  users: await query(harness, 'select * from users order by id'),
  nodes: await query(harness, 'select * from nodes order by id'),
  tags: await query(harness, 'select * from tags order by tag'),
  quarantine: await query(
    harness,
    'select mapping, key, part, code, message from kvmig.quarantine order by 1, 2, 3',
  ),
  steps: await query(harness, 'select id, state, outcome from kvmig.step order by id'),
  origins: await query(
    harness,
    'select target, writer, key, part, state from kvmig.origin order by target, row_key',
  ),
  sequence: await query(harness, 'select last_value from nodes_id_seq'),
})
