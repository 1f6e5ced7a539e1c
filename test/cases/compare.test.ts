import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readCases } from './case.ts'
import { differences, everyRow } from './compare.ts'
import { postgres, type Store } from './stores.ts'

// The judge of the cases is tried first: it has to find nothing where nothing is wrong, and each thing that is.
const it = readCases().find(({ name }) => name.startsWith('19'))!
let store: Store

beforeAll(async () => {
  store = await postgres()
  await store.query(it.ddl)
})
beforeEach(async () => {
  await store.query('ALTER TABLE metrics DROP COLUMN IF EXISTS unasked; DROP TABLE IF EXISTS unasked')
  for (const [table, rows] of it.rows) {
    await store.query(`TRUNCATE ${table}`)
    await store.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`, [
      JSON.stringify(rows),
    ])
  }
})
afterAll(() => store.drop())

test('finds nothing where the tables hold what is expected', async () => {
  expect(await differences(store, it)).toEqual([])
})

test.each([
  ['a row that is not there', `DELETE FROM metrics WHERE name = 'reads'`, ['missing metrics']],
  ['a row too many', `INSERT INTO metrics VALUES ('more', 1)`, ['extra metrics']],
  [
    'another value',
    `UPDATE metrics SET value = value + 1 WHERE name = 'reads'`,
    ['extra metrics', 'missing metrics'],
  ],
  [
    'a time that is one millisecond off',
    `UPDATE secrets SET expires_at = expires_at + interval '1 ms' WHERE id = '8G81XMUwnpJmzTD9tQ8nZx'`,
    ['extra secrets', 'missing secrets'],
  ],
  [
    'NULL in place of the text null',
    `UPDATE secrets SET secret = NULL WHERE secret = 'null'`,
    ['extra secrets', 'missing secrets'],
  ],
  [
    'a value in a column that nobody expects',
    `ALTER TABLE metrics ADD unasked int; UPDATE metrics SET unasked = 1 WHERE name = 'reads'`,
    ['unnamed column metrics'],
  ],
  [
    'a row in a table that nobody expects',
    'CREATE TABLE unasked AS SELECT 1 AS n',
    ['unnamed table unasked'],
  ],
])('finds %s', async (_, sql, expected) => {
  await store.query(sql)
  const found = await differences(store, it)
  expect(found.map(({ kind, table }) => `${kind} ${table}`).sort()).toEqual(expected)
})

test('notices a row that was written again with the same values', async () => {
  const before = await everyRow(store, it)
  await store.query(`UPDATE metrics SET value = value WHERE name = 'reads'`)
  expect(await everyRow(store, it)).not.toEqual(before)
})
