import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foreignKeyName } from '../../src/plan/passes/foreign-keys.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

describe('the name of a foreign key', () => {
  test.each([
    ['messages', ['from_user']],
    ['order items', ['Order', 'line']],
    ['größen', ['größe']],
    ['t'.repeat(38), ['column_of_18_bytes']],
  ])('is the one that Postgres gives: %s %o', async (table, columns) => {
    const [quoted, list] = [`"${table}"`, columns.map((it) => `"${it}"`).join(', ')]
    const names = await database.query(`
      drop schema if exists s cascade; create schema s; set search_path = s;
      create table p (${columns.map((it) => `"${it}" text`).join(', ')}, unique (${list}));
      create table ${quoted} (${columns.map((it) => `"${it}" text`).join(', ')});
      alter table ${quoted} add foreign key (${list}) references p (${list});
      alter table ${quoted} add foreign key (${list}) references p (${list});
      select conname from pg_constraint where contype = 'f' order by oid;`)
    const results = names as unknown as readonly { rows: { conname: string }[] }[]
    const first = foreignKeyName(table, columns)
    expect(results.at(-1)!.rows.map(({ conname }) => conname)).toEqual([
      first,
      foreignKeyName(table, columns, new Set([first])),
    ])
  })

  test('stays within 63 bytes and apart from others, where Postgres would cut', () => {
    const names = ['a', 'b'].map((it) => foreignKeyName('t'.repeat(60), [`${'ü'.repeat(20)}${it}`]))
    expect(names[0]).not.toBe(names[1])
    for (const name of names) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
      expect(name).toMatch(/^t+_[0-9a-f]{8}_fkey$/)
    }
    const cutInside = foreignKeyName('ü'.repeat(31), ['column'])
    expect(cutInside).toMatch(/^ü+_[0-9a-f]{8}_fkey$/)
    expect(Buffer.byteLength(cutInside)).toBeLessThanOrEqual(63)
  })
})
