import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { differences, everyRow } from '../cases/compare.ts'
import { type Migrated, migrate } from '../cases/migrate.ts'
import { postgres, type Store } from '../cases/stores.ts'
import { openWritable } from '../setup/sqlite.ts'

/** The SQLite part of case 06: frames, events and anchors. */
const project = join(import.meta.dirname, 'stackmemory')
const read = (name: string): string => readFileSync(join(project, name), 'utf8')

const rows = new Map<string, Record<string, unknown>[]>()
for (const line of read('expected.ndjson').trimEnd().split('\n')) {
  const { table, row } = JSON.parse(line)
  rows.set(table, [...(rows.get(table) ?? []), row])
}

const folder = mkdtempSync(join(tmpdir(), 'kvmig stackmemory '))
let store: Store
let migrated: Migrated
const run = (): Promise<Migrated> =>
  migrate({ project, variables: { DB_URL: `sqlite:${join(folder, 'app.db')}` }, database: store.url })

beforeAll(async () => {
  const database = await openWritable(join(folder, 'app.db'))
  database.exec(read('seed.sqlite.sql'))
  database.close()
  store = await postgres()
  await store.query(read('expected.sql'))
  migrated = await run()
})
afterAll(async () => {
  await store.drop()
  rmSync(folder, { recursive: true, force: true })
})

test('gives exactly the expected rows', async () => {
  expect([...rows].map(([table, it]) => [table, it.length])).toEqual([
    ['frames', 80],
    ['events', 300],
    ['anchors', 40],
  ])
  expect(await differences(store, { rows })).toEqual([])
})

test('quarantines the event without a frame, and nothing else', () => {
  expect(migrated.quarantine).toEqual([
    { key: 'events:db548b86-e34c-46e6-a04f-7a42634d2116', part: '', code: 'ORPHAN' },
  ])
  expect(migrated.trouble).toEqual([])
})

test('gives every row of the database its fate', () => {
  const fates = [...migrated.fates].map(([key, fate]) => `${key.split(':')[0]} ${fate}`)
  const counts = Object.fromEntries(
    [...new Set(fates)].sort().map((it) => [it, fates.filter((fate) => fate === it).length]),
  )
  expect(counts).toEqual({
    'anchors migrated': 40,
    'events migrated': 300,
    'events quarantined': 1,
    'frames migrated': 80,
    'schema_version ignored': 1,
  })
})

test('changes nothing when it is run again', async () => {
  const it = { rows }
  const before = await everyRow(store, it)
  expect(await run()).toEqual(migrated)
  expect(await everyRow(store, it)).toEqual(before)
})
