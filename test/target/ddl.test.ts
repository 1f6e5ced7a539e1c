import { describe, expect, test } from 'vitest'
import type { ColumnDefinition, IndexDefinition, Reference, TableDefinition } from '../../src/plan/table.ts'
import {
  addForeignKey,
  analyze,
  createIndex,
  createSchema,
  createTable,
  dropConstraint,
  dropIndex,
  dropTable,
  quote,
  setSequence,
  validateConstraint,
} from '../../src/target/ddl.ts'
import { inspectTables } from '../../src/target/inspect.ts'
import { freshTarget, TARGETS } from './targets.ts'

const at = { file: 'plan.yaml', line: 1, column: 1 }
const column = (name: string, sql: string): ColumnDefinition => ({
  name,
  sql,
  type: { base: 'text', array: false, sql },
  notNull: false,
  identity: false,
  generated: false,
  at,
})
const index = (name: string, columns: string[], more: Partial<IndexDefinition> = {}): IndexDefinition => ({
  name,
  columns,
  unique: false,
  at,
  ...more,
})
const name = { schema: 'My "app"', table: 'Select' }
const table: TableDefinition = {
  name,
  owner: 'plan',
  columns: [
    column('id', 'bigserial'),
    column('From', 'text not null'),
    column('a b', `numeric(10,2) default 0`),
  ],
  primaryKey: ['id', 'From'],
  unique: [['From', 'a b']],
  indexes: [],
  references: [],
  checks: ['"a b" >= 0'],
  at,
}
const self: Reference = {
  columns: ['id', 'From'],
  to: name,
  toColumns: ['id', 'From'],
  onDelete: 'cascade',
  deferrable: true,
  at,
}

test('writes a table as people would', () => {
  expect(createTable(table)).toBe(`CREATE TABLE "My ""app"""."Select" (
  "id" bigserial,
  "From" text not null,
  "a b" numeric(10,2) default 0,
  PRIMARY KEY ("id", "From"),
  UNIQUE ("From", "a b"),
  CHECK ("a b" >= 0)
)`)
})

test.each([
  ['created_at DESC', '"created_at" DESC'],
  ['createdAt', '"createdAt"'],
  [
    'name COLLATE "C" text_pattern_ops DESC NULLS LAST',
    '"name" COLLATE "C" text_pattern_ops DESC NULLS LAST',
  ],
  ['LEAST(a, b)', 'LEAST(a, b)'],
  ['lower (a)', 'lower (a)'],
  ["(data->>'x')", "(data->>'x')"],
])('writes the index column %s as %s', (written, sql) => {
  expect(createIndex({ schema: 's', table: 't' }, index('i', [written]))).toBe(
    `CREATE INDEX "i" ON "s"."t" (${sql})`,
  )
})

test.each(['', 'a\0b', 'é'.repeat(32)])('refuses a name that Postgres would cut or refuse: %j', (it) => {
  expect(() => quote(it)).toThrow(RangeError)
})

describe.each(TARGETS)('on %s', async (kind) => {
  const target = await freshTarget(kind)
  const run = (sql: string) => target.transaction((tx) => tx.query(sql, []))
  const facts = async () =>
    (await target.transaction((tx) => inspectTables(tx, [name]))).get('My "app".Select')

  test('makes a table with all that belongs to it, and takes it back', async () => {
    await run(createSchema(name.schema))
    await run(createSchema(name.schema))
    await run(createTable(table))
    await run(
      createIndex(
        name,
        index('by "from"', ['From DESC', 'lower("From")'], { where: '"a b" > 1', using: 'btree' }),
      ),
    )
    await target.execute(createIndex(name, index('late', ['id'], { unique: true }), { concurrently: true }))
    await run(addForeignKey(name, 'to itself', self))
    await run(analyze(name))
    expect(await facts()).toMatchObject({
      primaryKey: ['id', 'From'],
      unique: [['From', 'a b'], ['id']],
      foreignKeys: [
        {
          name: 'to itself',
          onDelete: 'cascade',
          deferrable: true,
          validated: false,
          toColumns: ['id', 'From'],
        },
      ],
    })
    await run(validateConstraint(name, 'to itself'))
    expect(await facts()).toMatchObject({ foreignKeys: [{ validated: true }] })
    await run(dropConstraint(name, 'to itself'))
    await run(dropIndex(name.schema, 'by "from"'))
    expect((await facts())!.indexes.map((it) => it.name)).toEqual([
      'Select_From_a b_key',
      'Select_pkey',
      'late',
    ])
  })

  test('moves a sequence past the rows that were copied, and never back', async () => {
    const next = async () => {
      const sequence = `pg_get_serial_sequence('"My ""app"""."Select"', 'id')`
      return (await run(`SELECT nextval(${sequence}) AS id`))[0]!.id
    }
    expect(await run(setSequence(name, 'id'))).toEqual([])
    await run(`INSERT INTO "My ""app"""."Select" (id, "From") VALUES (9007199254740993, 'x')`)
    expect(await run(setSequence(name, 'id'))).toEqual([{ value: '9007199254740993', fits: 't' }])
    expect(await next()).toBe('9007199254740994')
    expect(await run(setSequence(name, 'id'))).toEqual([])
    await run(`DELETE FROM "My ""app"""."Select"`)
    expect(await run(setSequence(name, 'id'))).toEqual([])
    expect(await next()).toBe('9007199254740995')
  })

  test('drops what is there, and does not mind what is not', async () => {
    await run(dropTable(name))
    await run(dropTable(name))
    await run(dropConstraint(name, 'gone'))
    await run(dropIndex(name.schema, 'gone'))
    expect(await facts()).toBeUndefined()
  })
})
