import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { Source } from '../../src/sources/source.ts'
import { sqlite } from '../../src/sources/sqlite.ts'
import { type Harness, openProject } from '../runner/harness.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { openWritable, type Writable } from '../setup/sqlite.ts'
import { entriesOf, pagesOf } from './entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'kvmig sqlite changes '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let path: string
let files = 0
let writer: Writable
let database: FreshDatabase
beforeEach(async () => {
  path = join(folder, `${++files}.db`)
  writer = await openWritable(path)
  writer.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT, updated_at INTEGER);
    CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT) ;
    CREATE TABLE pairs (a INT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID`)
  for (let id = 0; id < 500; id++)
    writer.run('INSERT INTO notes VALUES (?, ?, ?)', [`n${id}`, 'old', 1000 + id])
  for (let id = 1; id <= 300; id++) writer.run('INSERT INTO log VALUES (?, ?)', [id, 'line'])
  writer.exec('INSERT INTO pairs VALUES (1, 2), (3, 4)')
  database = await freshDatabase()
})
const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
  writer.close()
  await database.drop()
})

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
const WATCHED = { changed: 'updated_at, rowid' }

async function open(): Promise<Source> {
  const signal = new AbortController().signal
  const source = await sqlite.open(`sqlite:${path}`, { root: '/', signal, options: WATCHED })
  opened.push(() => source.close())
  return source
}

const keysFrom = async (source: Source, cursor: string | undefined): Promise<string[]> =>
  (await entriesOf(source.scan(EVERYTHING, cursor))).map(({ key }) => key.toString()).sort()

test('a scan from the end of another gives what has changed since, by the column or the rowid', async () => {
  const source = await open()
  const end = (await pagesOf(source.scan(EVERYTHING))).at(-1)!.cursor
  // The row of the last moment may have come later; a table without either is read whole.
  const same = ['notes:n499', 'pairs:1:2', 'pairs:3:4']
  expect(await keysFrom(source, end)).toEqual(same)
  writer.exec(`UPDATE notes SET text = 'new', updated_at = 2000 WHERE id IN ('n7', 'n450');
    UPDATE notes SET text = 'a backdated change' WHERE id = 'n8';
    INSERT INTO notes VALUES ('timeless', 'x', NULL); INSERT INTO log (line) VALUES ('one more'); UPDATE log SET line = 'changed' WHERE id = 5`)
  const changed = ['log:301', 'notes:n450', 'notes:n7', 'notes:timeless', ...same].sort()
  expect(await keysFrom(source, end)).toEqual(changed)
  const next = (await pagesOf(source.scan(EVERYTHING, end))).at(-1)!.cursor
  expect(await keysFrom(source, next)).toEqual([
    'notes:n450',
    'notes:n7',
    'notes:timeless',
    'pairs:1:2',
    'pairs:3:4',
  ])
})

test('a scan that was cut off in the middle of the changes goes on among them', async () => {
  const source = await open()
  const end = (await pagesOf(source.scan(EVERYTHING))).at(-1)!.cursor
  writer.exec('UPDATE notes SET updated_at = 5000 + updated_at WHERE updated_at >= 1200')
  const pages = await pagesOf(source.scan(EVERYTHING, end))
  expect(pages.length).toBeGreaterThan(2)
  const whole = await keysFrom(source, end)
  expect(whole.length).toBe(302)
  const before: string[] = []
  for (const { entries, cursor } of pages) {
    before.push(...entries.map(({ key }) => key.toString()))
    if (cursor === undefined || entries.length === 0) continue
    expect([...before, ...(await keysFrom(source, cursor))].sort()).toEqual(whole)
  }
})

test('what changes while a table is read is read once more', async () => {
  const source = await open()
  let end: string | undefined
  let pages = 0
  for await (const { entries, cursor } of source.scan(EVERYTHING)) {
    end = cursor
    // The first page of notes has n0: it is behind.
    if (entries.some(({ key }) => key.toString() === 'notes:n0') && pages++ === 0)
      writer.exec(`UPDATE notes SET text = 'meanwhile', updated_at = 1600 WHERE id = 'n0'`)
  }
  expect(await keysFrom(source, end)).toContain('notes:n0')
})

const PLAN = `version: 1
plan: notes
mappings:
  - match: notes:{_:rest}
    type: string
    decode: json
    into: notes
    fields: { id: id, text: text, updated_at: updated_at }
tables:
  notes: { columns: { id: text, text: text not null, updated_at: bigint }, primary_key: [id] }
`

async function project(changed: string, plans: Readonly<Record<string, string>> = {}): Promise<Harness> {
  const ignored = ["{ match: 'pairs:{_:rest}', because: a test }"]
  if (!plans['plans/log.yaml']) ignored.push("{ match: 'log:{_}', because: a test }")
  const files = projectFolder({
    'migrations.yaml': `version: 1\nsources: { db: { url: 'sqlite:${path}'${changed} } }\ntarget: \${DATABASE_URL}\nplans: plans/*.yaml\nignore: [${ignored.join(', ')}]\n`,
    'plans/notes.yaml': PLAN,
    ...plans,
  })
  const harness = await openProject(files.path, { DATABASE_URL: database.url })
  opened.push(async () => {
    await harness.close()
    files.remove()
  })
  return harness
}

/** What the copy did, and which gates stayed closed. */
async function apply(harness: Harness, again = false) {
  const { steps, findings } = await harness.apply({ again })
  const copied = steps.find((it) => it.step.kind === 'backfill')
  const closed = [...findings.values()].flat().filter((it) => it.status !== 'pass')
  return { counts: copied?.counts, closed: closed.map((it) => `${it.check} ${it.status}`) }
}

const text = async (id: string): Promise<unknown> =>
  (await database.query('SELECT text FROM notes WHERE id = $1', [id])).rows[0]?.text

test('a copy that is made again reads what has changed, and the gate compares everything', async () => {
  const harness = await project(", changed: 'updated_at'")
  writer.exec(`INSERT INTO notes VALUES ('bad', NULL, 1)`)
  expect(await apply(harness)).toMatchObject({ counts: { keys: 501, inserted: 500, rejected: 1 } })
  writer.exec(
    `UPDATE notes SET text = 'new', updated_at = 2000 WHERE id = 'n7'; INSERT INTO notes VALUES ('more', 'x', 2000)`,
  )
  const second = await apply(harness, true)
  expect(second.counts).toMatchObject({ keys: 3, inserted: 1, updated: 1, unchanged: 1 })
  expect([await text('n7'), await text('more')]).toEqual(['new', 'x'])
  // What was rejected before and has not changed is still told.
  expect(second.closed).toEqual(['quarantine fail'])
  // A change that the column does not tell is found by the comparison.
  writer.exec(`UPDATE notes SET text = 'backdated' WHERE id = 'n8'`)
  const third = await apply(harness, true)
  expect(third.counts).toMatchObject({ keys: 2, unchanged: 2 })
  expect(third.closed).toEqual(['full fail', 'quarantine fail'])
})

test('rows that were deleted leave with the next copy, and no other row does', async () => {
  const harness = await project(", changed: 'updated_at'")
  await apply(harness)
  writer.exec(`DELETE FROM notes WHERE id IN ('n7', 'n8'); UPDATE notes SET id = 'renamed' WHERE id = 'n9'`)
  const second = await harness.apply({ again: true })
  const copied = second.steps.find((it) => it.step.kind === 'backfill')
  // The new name has no new time: the column does not tell it.
  expect(copied).toMatchObject({ counts: { keys: 1 }, note: '3 rows deleted' })
  expect([await text('n7'), await text('n8'), await text('n9'), await text('n10')]).toEqual([
    undefined,
    undefined,
    undefined,
    'old',
  ])
  const full = [...second.findings.values()].flat().find((it) => it.check === 'full')
  expect([full?.status, ...(full?.samples ?? [])].join(' ')).toMatch(/^fail .*renamed/)
  writer.exec(`UPDATE notes SET updated_at = 3000 WHERE id = 'renamed'; DELETE FROM notes WHERE id = 'n10'`)
  expect(await apply(harness, true)).toMatchObject({ counts: { keys: 2, inserted: 1 }, closed: [] })
  const { rows } = await database.query('SELECT count(*) FROM notes')
  expect(rows[0].count).toBe('497')
})

test('H59 a table that was emptied takes no row along, unless somebody says how many there may be', async () => {
  const harness = await project(", changed: 'updated_at'")
  await apply(harness)
  writer.exec(`DELETE FROM notes WHERE id <> 'n0'`)
  const held = await harness.apply({ again: true })
  expect(held.steps.map((it) => it.note)).toContain('499 rows of notes kept by the fuse')
  expect(held.unswept).toMatchObject({
    code: 'FUSE',
    message: expect.stringContaining('499 of 500 rows of notes'),
  })
  // The run goes on to its gate.
  expect(held.outcome).toBe('closed')
  expect(await text('n7')).toBe('old')
  const confirmed = await harness.apply({ again: true, confirmDeletes: 499 })
  expect(confirmed.steps.map((it) => it.note)).toContain('499 rows deleted')
  expect(await text('n0')).toBe('old')
})

test('what refers to a row that was deleted goes before it, also from another plan', async () => {
  const harness = await project(", changed: 'updated_at'", {
    'plans/log.yaml': `version: 1
plan: log
mappings:
  - { match: 'log:{id:int}', type: string, decode: json, into: log, fields: { id: 'same($id, id)', note: line } }
tables:
  log: { columns: { id: bigint, note: text not null }, primary_key: [id], references: [{ columns: [note], to: notes(id) }] }
`,
  })
  writer.exec(`UPDATE log SET line = 'n7'`)
  await apply(harness)
  writer.exec(
    `DELETE FROM log WHERE id <= 3; UPDATE log SET line = 'n8' WHERE id > 3; DELETE FROM notes WHERE id = 'n7'`,
  )
  const second = await harness.apply({ again: true })
  expect(second.outcome).toBe('done')
  expect(second.steps.flatMap((it) => it.note ?? [])).toEqual(['1 row deleted', '3 rows deleted'])
})

test('after a rollback, and where the tables of the database were changed, everything is read', async () => {
  const harness = await project(", changed: 'updated_at'")
  await apply(harness)
  await harness.rollback()
  expect((await apply(harness)).counts).toMatchObject({ keys: 500, inserted: 500 })
  writer.exec('ALTER TABLE notes ADD COLUMN more')
  expect((await apply(harness, true)).counts).toMatchObject({ keys: 500, unchanged: 500 })
})

test('unless it is asked for, a copy that is made again reads everything', async () => {
  const harness = await project('')
  await apply(harness)
  expect((await apply(harness, true)).counts).toMatchObject({ keys: 500, unchanged: 500 })
})
