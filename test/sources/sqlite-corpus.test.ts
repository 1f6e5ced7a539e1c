import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { sqlite } from '../../src/sources/sqlite.ts'
import { migrate } from '../cases/migrate.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { openWritable } from '../setup/sqlite.ts'
import { entriesOf } from './entries.ts'

interface Line {
  readonly id: string
  readonly source: { readonly sql: string }
  readonly expect: {
    readonly action: string
    readonly pg_type?: string
    readonly stored?: string
    readonly reason?: string
  }
}

const CORPUS = readFileSync(join(import.meta.dirname, '../data/bad-input/sqlite.jsonl'), 'utf8')
  .split('\n')
  .filter((it) => it !== '')
  .map((it): Line => JSON.parse(it))

/** How the column is written in a plan: strictly, unless the plan says otherwise. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  'sqlite/infinity': 'v | float',
  'sqlite/bool_word': 'v | bool(1, 0)',
  'sqlite/bool_2': 'v | bool(1, 0)',
  'sqlite/date_mixed': "v | iso('UTC')",
}

/** Those that are no rows of a table with one column. */
const OTHERS = ['sqlite/busy', 'sqlite/generated_and_view']

const VALUES = CORPUS.filter((it) => !OTHERS.includes(it.id))

const folder = mkdtempSync(join(tmpdir(), 'kvmig sqlite corpus '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let database: FreshDatabase
beforeEach(async () => {
  database = await freshDatabase()
})
afterEach(() => database.drop())

test('every line of the corpus is asked here, or with the driver', () => {
  expect(CORPUS.map((it) => it.id)).toEqual(expect.arrayContaining(OTHERS))
  expect(VALUES.length + OTHERS.length).toBe(CORPUS.length)
})

test.each(VALUES.map((it) => [it.id, it] as const))(
  '%s: lossless or loud',
  async (id, { source, expect: wanted }) => {
    const path = join(folder, `${id.replace('/', '-')}.db`)
    const writable = await openWritable(path)
    writable.exec(source.sql)
    writable.close()
    const project = projectFolder({
      'migrations.yaml': `version: 1\nsources: { db: 'sqlite:${path}' }\ntarget: \${DATABASE_URL}\n`,
      'plans/t.yaml': `version: 1
plan: t
mappings:
  - match: t:{_}
    type: string
    decode: json
    into: t
    fields: { id: id, v: "${EXPRESSIONS[id] ?? 'v'}" }
tables:
  t: { columns: { id: integer, v: ${wanted.pg_type} }, primary_key: [id] }
`,
    })
    const { quarantine } = await migrate({ project: project.path, database: database.url })
    const { rows } = await database.query('SELECT id, v::text FROM t ORDER BY id')
    if (wanted.action === 'store') {
      expect([rows, quarantine]).toEqual([[{ id: 1, v: wanted.stored }], []])
    } else if (wanted.action === 'quarantine') {
      expect([rows, quarantine.map(({ key, code }) => [key, code])]).toEqual([[], [['t:1', wanted.reason]]])
    } else {
      // The plan says text in UTC; everything else is another notation.
      expect(wanted.action).toBe('quarantine_all_not_matching_declared_from')
      expect(rows.map((it) => it.id)).toEqual([1])
      expect(quarantine.map(({ key }) => key).sort()).toEqual(['t:2', 't:3', 't:4', 't:5'])
    }
    project.remove()
  },
)

test('sqlite/busy: somebody who has begun to write keeps nobody from reading', async () => {
  const path = join(folder, 'busy.db')
  const writer = await openWritable(path)
  writer.exec(
    'CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1); BEGIN IMMEDIATE; INSERT INTO t VALUES (2)',
  )
  const source = await sqlite.open(`sqlite:${path}`, { root: '/', signal: new AbortController().signal })
  const entries = await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  expect(entries.map(({ key }) => key.toString())).toEqual(['t:1'])
  writer.exec('COMMIT')
  writer.close()
  await source.close()
})

test('sqlite/generated_and_view: generated columns are read, a view shows nothing of its own', async () => {
  const { source: it } = CORPUS.find(({ id }) => id === 'sqlite/generated_and_view')!
  const path = join(folder, 'generated.db')
  const writable = await openWritable(path)
  writable.exec(`${it.sql}; INSERT INTO t (a) VALUES (4)`)
  writable.close()
  const source = await sqlite.open(`sqlite:${path}`, { root: '/', signal: new AbortController().signal })
  const [entry, ...more] = await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  expect(more).toEqual([])
  expect([entry?.key.toString(), entry?.value]).toEqual([
    't:1',
    { type: 'string', bytes: Buffer.from('{"a":4,"b":8}') },
  ])
  await source.close()
})
