import { afterAll, beforeAll, expect, test } from 'vitest'
import { plainName } from '../../src/target/plain-name.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database?.drop())

test.each([
  ['messages', 'messages'],
  ['user', '"user"'],
  ['order', '"order"'],
  ['Messages', '"Messages"'],
  ['two words', '"two words"'],
  ['a"b', '"a""b"'],
  ['2fa', '"2fa"'],
])('%s is written %s', (name, written) => {
  expect(plainName(name)).toBe(written)
})

test('every word that this Postgres reserves is quoted', async () => {
  const { rows } = await database.query(`SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')`)
  expect(rows.length).toBeGreaterThan(50)
  for (const { word } of rows) expect(plainName(word)).toBe(`"${word}"`)
})
