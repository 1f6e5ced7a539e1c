import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Entry, Source } from '../../src/sources/source.ts'
import { sqlite } from '../../src/sources/sqlite.ts'
import { openWritable } from '../setup/sqlite.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, pagesOf, string } from './entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'kvmig sqlite %3F '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newPath = (): string => join(folder, `app ${++files}.db`)
const signal = new AbortController().signal
const open = (path: string): Promise<Source> => sqlite.open(`sqlite:${path}`, { root: '/', signal })
const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }

const textOf = ({ value }: Entry): string => (value?.type === 'string' ? value.bytes.toString() : '')

const KINDS = [
  { name: 'sqlite', options: {} },
  { name: 'sqlite, watched for changes', options: { changed: 'rowid' } },
]
for (const { name, options } of KINDS)
  describeSource({
    name,
    adapter: sqlite,
    reached: { not: 'it is a file on this machine' },
    as: (entry) => {
      const [, table, id] = /^([^:%]+):(.*)$/s.exec(entry.key.toString()) ?? []
      if (table === undefined || id === undefined) return undefined
      return string(entry.key, JSON.stringify({ id, value: textOf(entry) }))
    },
    start: async (entries) => {
      const path = newPath()
      const database = await openWritable(path)
      database.exec('BEGIN')
      for (const table of new Set(entries.map(({ key }) => key.toString().replace(/:.*$/s, ''))))
        database.exec(
          `CREATE TABLE "${table.replaceAll('"', '""')}" (id TEXT PRIMARY KEY, value TEXT NOT NULL)`,
        )
      for (const entry of entries) {
        const table = entry.key.toString().replace(/:.*$/s, '')
        const { id, value } = JSON.parse(textOf(entry))
        database.run(`INSERT INTO "${table.replaceAll('"', '""')}" VALUES (?, ?)`, [id, value])
      }
      database.exec('COMMIT')
      database.close()
      return {
        open: (context) => sqlite.open(`sqlite:${path}`, { ...context, options }),
        stop: async () => {},
      }
    },
  })

/** A database made by this SQL, and its entries, key by key, as text. */
async function rowsOf(sql: string): Promise<{ path: string; rows: Record<string, string>; source: Source }> {
  const path = newPath()
  const database = await openWritable(path)
  database.exec(sql)
  database.close()
  const source = await open(path)
  const entries = await entriesOf(source.scan(EVERYTHING))
  const again = await entriesOf(source.read(entries.map(({ key }) => key)))
  expect(byKey(again), 'every key leads back to its row').toEqual(byKey(entries))
  expect(new Set(entries.map(({ key }) => key.toString('latin1'))).size).toBe(entries.length)
  return { path, source, rows: Object.fromEntries(entries.map((it) => [it.key.toString(), textOf(it)])) }
}

test('gives values of every storage class as what they are', async () => {
  const { rows } = await rowsOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, v);
    INSERT INTO t VALUES (1, NULL), (2, 9007199254740993), (3, -9223372036854775808), (4, 1.0), (5, 0.1), (6, 1e300), (7, 9e999), (8, -9e999),
    (9, ''), (10, '007'), (11, 'a' || char(0) || 'b'), (12, x'00ff'), (13, x''), (14, 'é👋'), (15, -0.0), (16, char(65279) || 'bom')`)
  expect(Object.values(rows)).toEqual([
    '{"id":1,"v":null}',
    '{"id":2,"v":9007199254740993}',
    '{"id":3,"v":-9223372036854775808}',
    '{"id":4,"v":1.0}',
    '{"id":5,"v":0.1}',
    '{"id":6,"v":1e+300}',
    '{"id":7,"v":"Infinity"}',
    '{"id":8,"v":"-Infinity"}',
    '{"id":9,"v":""}',
    '{"id":10,"v":"007"}',
    '{"id":11,"v":"a\\u0000b"}',
    '{"id":12,"v":"AP8="}',
    '{"id":13,"v":""}',
    '{"id":14,"v":"é👋"}',
    '{"id":15,"v":-0.0}',
    '{"id":16,"v":"\ufeffbom"}',
  ])
})

test('a text that is no UTF-8 is given as its bytes, so that it is rejected rather than changed', async () => {
  const path = newPath()
  const database = await openWritable(path)
  database.exec(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, CAST(x'22ff5c0a' AS TEXT))`,
  )
  database.close()
  const [entry] = await entriesOf((await open(path)).scan(EVERYTHING))
  if (entry?.value?.type !== 'string') throw new Error('no string')
  expect(entry.value.bytes.toString('latin1')).toBe('{"id":1,"v":"\\"\u00ff\\\\\\n"}')
})

test('names rows by their primary keys, so that no two rows have one name', async () => {
  const { rows } = await rowsOf(`
    CREATE TABLE plain (a); INSERT INTO plain VALUES ('x'), ('x');
    CREATE TABLE composite (a TEXT, b INT, c TEXT, PRIMARY KEY (b, a)); INSERT INTO composite VALUES ('x:y', 1, 'c'), ('x%3Ay', 1, 'd');
    CREATE TABLE anything (id PRIMARY KEY); INSERT INTO anything VALUES (1), ('1'), (x'31'), (1.5), ('1.5'), ('x''31'''), (NULL), (NULL), ('a');
    CREATE TABLE numbers (id NUMERIC PRIMARY KEY) WITHOUT ROWID; INSERT INTO numbers VALUES (1), ('a'), (x'31'), (2.5);
    CREATE TABLE texts (id TEXT PRIMARY KEY COLLATE NOCASE); INSERT INTO texts VALUES ('12'), ('1e5'), ('A:b'), (''), ('rowid=1');
    CREATE TABLE "odd:na%me" (rowid TEXT PRIMARY KEY, "select" INT); INSERT INTO "odd:na%me" VALUES ('r', 1)`)
  expect(Object.keys(rows).sort()).toEqual(
    [
      'plain:1',
      'plain:2',
      'composite:1:x%3Ay',
      'composite:1:x%253Ay',
      'anything:1',
      "anything:'1'",
      "anything:x'31'",
      'anything:1.5',
      "anything:'1.5'",
      "anything:'x'31''",
      'anything:rowid=7',
      'anything:rowid=8',
      "anything:'a'",
      'numbers:1',
      'numbers:a',
      "numbers:x'31'",
      'numbers:2.5',
      'texts:12',
      'texts:1e5',
      'texts:A:b',
      'texts:',
      "texts:'rowid=1'",
      'odd%3Ana%25me:r',
    ].sort(),
  )
})

test('takes a row that only a collation takes for the one that was asked for, as none', async () => {
  const { source } = await rowsOf(
    `CREATE TABLE t (id TEXT PRIMARY KEY COLLATE NOCASE); INSERT INTO t VALUES ('Ann')`,
  )
  expect(await entriesOf(source.read([Buffer.from('t:ann')]))).toEqual([])
})

test('reads generated columns, leaves views out, and lists virtual tables that have to be seen to', async () => {
  const { path, rows } =
    await rowsOf(`CREATE TABLE t (a INTEGER PRIMARY KEY, b INT GENERATED ALWAYS AS (a * 2), c INT AS (a * 3) STORED);
    INSERT INTO t (a) VALUES (7); CREATE VIEW v AS SELECT * FROM t`)
  expect(rows).toEqual({ 't:7': '{"a":7,"b":14,"c":21}' })
  const database = await openWritable(path)
  database.exec(`CREATE VIRTUAL TABLE search USING fts5(x); INSERT INTO search VALUES ('found')`)
  database.close()
  const entries = await entriesOf((await open(path)).scan(EVERYTHING))
  expect(entries.map((it) => [it.key.toString(), it.type])).toEqual([
    ['t:7', 'string'],
    ['search:', 'unknown:virtual table'],
  ])
})

test('reads a database in UTF-16', async () => {
  const { rows } = await rowsOf(
    `PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('é👋', 'ünï'), ('12', 1)`,
  )
  expect(rows).toEqual({ 't:é👋': '{"id":"é👋","v":"ünï"}', 't:12': '{"id":"12","v":1}' })
})

describe('beside somebody who writes', () => {
  test('reads what is in the WAL, and goes on at its cursor over rows that come and go', async () => {
    const path = newPath()
    const writer = await openWritable(path)
    writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (id TEXT PRIMARY KEY, v INT)')
    for (let id = 0; id < 500; id++) writer.run('INSERT INTO t VALUES (?, 1)', [`k${id}`])
    const source = await open(path)
    const identity = await source.identity()
    const seen = new Set<string>()
    let cursor: string | undefined
    for await (const page of source.scan(EVERYTHING)) {
      for (const { key } of page.entries) seen.add(key.toString())
      cursor = page.cursor
      if (seen.size >= 60) break
    }
    writer.exec(`DELETE FROM t WHERE id = 'k3'; INSERT INTO t VALUES ('new', 1); UPDATE t SET v = 2`)
    for (const { key } of await entriesOf(source.scan(EVERYTHING, cursor))) seen.add(key.toString())
    expect(seen.size).toBe(501)
    expect(await source.identity()).toBe(identity)
    await source.close()
    writer.close()
  })

  test('is another store when rows may have been numbered anew', async () => {
    const { path, source } = await rowsOf(
      `CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3); DELETE FROM t WHERE a = 1`,
    )
    const before = await source.identity()
    const writer = await openWritable(path)
    writer.exec('VACUUM')
    writer.close()
    expect(await source.identity()).not.toBe(before)
  })

  test('waits until a lock is gone', async () => {
    const { path, source } = await rowsOf('CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)')
    const writer = await openWritable(path)
    writer.exec('BEGIN EXCLUSIVE; INSERT INTO t VALUES (2)')
    const reading = entriesOf(source.scan(EVERYTHING))
    // It has found the lock by then, for it reads in one go.
    setImmediate(() => setImmediate(() => setImmediate(() => writer.exec('COMMIT'))))
    expect((await reading).map(({ key }) => key.toString())).toEqual(['t:1', 't:2'])
    writer.close()
  })

  test('never writes: a file that is not there is not made', async () => {
    const path = newPath()
    await expect(open(path)).rejects.toMatchObject({
      code: 'SOURCE_FILE',
      message: expect.stringContaining('no such file'),
    })
    await expect(open(path)).rejects.toMatchObject({ code: 'SOURCE_FILE' })
    await expect(open(folder)).rejects.toMatchObject({ code: 'SOURCE_FILE' })
  })
})

test.each([
  [
    'no database',
    (path: string) => writeFileSync(path, 'x'.repeat(5000)),
    'SOURCE_FORMAT',
    'no SQLite database',
  ],
  [
    'a damaged one',
    async (path: string) => {
      const good = (await rowsOf('CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(20000))')).path
      copyFileSync(good, path)
      const { truncateSync } = await import('node:fs')
      truncateSync(path, 6000)
    },
    'SOURCE_FORMAT',
    'damaged',
  ],
])('%s is told as such', async (_, make, code, words) => {
  const path = newPath()
  await make(path)
  const failure = await open(path)
    .then((source) => pagesOf(source.scan(EVERYTHING)))
    .catch((error: unknown) => error)
  expect(failure).toMatchObject({ code, message: expect.stringContaining(words) })
})
