import { describe, expect, test } from 'vitest'
import { RowTally } from '../../src/checks/row-tally.ts'
import type { ColumnType, TableName } from '../../src/plan/table.ts'
import { TupleWriter } from '../../src/target/codec.ts'
import { builtInType, wireTypes } from '../../src/target/column-types.ts'
import { hashRow, ROW_HASH } from '../../src/target/row-hash.ts'
import { hashesRows, hashRows, inBuckets, sumRows } from '../../src/target/row-sums.ts'
import { type StageColumn, storedValues } from '../../src/target/stage.ts'
import type { Transaction } from '../../src/target/target.ts'
import type { Row } from '../../src/value.ts'
import { freshTarget } from './targets.ts'

const TYPES: readonly (readonly [name: string, type: Partial<ColumnType> & Pick<ColumnType, 'base'>])[] = [
  ['id', { base: 'bigint' }],
  ['Sub "key"', { base: 'text' }],
  ['small', { base: 'smallint' }],
  ['whole', { base: 'integer' }],
  ['exact', { base: 'numeric' }],
  ['rounded', { base: 'numeric', sql: 'numeric(20,4)', precision: 20, scale: 4 }],
  ['real', { base: 'real' }],
  ['wide', { base: 'double precision' }],
  ['word', { base: 'varchar', sql: 'varchar(40)', length: 40 }],
  ['padded', { base: 'char', sql: 'char(6)', length: 6 }],
  ['yes', { base: 'boolean' }],
  ['day', { base: 'date' }],
  ['moment', { base: 'timestamptz' }],
  ['local', { base: 'timestamp' }],
  ['uuid', { base: 'uuid' }],
  ['raw', { base: 'bytea' }],
  ['json', { base: 'json' }],
  ['jsonb', { base: 'jsonb' }],
  ['mood', { base: 'enum', sql: 'public.mood' }],
  ['list', { base: 'text', sql: 'text[]', array: true }],
]
const TABLE: TableName = { schema: 'public', table: 'every type' }
const KEY = [0, 1]
const typeOf = (type: Partial<ColumnType> & Pick<ColumnType, 'base'>): ColumnType => ({
  array: false,
  sql: type.base,
  ...type,
})
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Rows whose values have every length from nothing to some hundred bytes, and every kind of number. */
const rows: readonly Row[] = Array.from({ length: 400 }, (_, n) => [
  BigInt(n) * (n % 2 ? 1n : -9_007_199_254_740n),
  `k${'é😀'.repeat(n % 5)}${n}`,
  n - 200,
  n % 7 === 0 ? null : n * 1_000_003 - 200_000_000,
  `${n % 2 ? '-' : ''}${n}.${String(n).padStart(1 + (n % 9), '0')}`,
  `${n * 12_345}.0${n % 10}`,
  n / 8,
  n % 11 === 0 ? -0 : n / 3,
  'w'.repeat(n % 41),
  'p'.repeat(n % 7),
  n % 3 === 0 ? null : n % 2 === 0,
  n - 100,
  BigInt(n) * 1_234_567_890_123n,
  BigInt(-n) * 1_000_000n,
  `${String(n).padStart(8, '0')}-4455-6677-8899-aabbccddeeff`,
  Buffer.alloc(n, n),
  `{"n": ${n}, "n":  ${n}}`,
  `{"a": [${n}, null], "b": "${'x'.repeat(n)}"}`,
  n % 2 ? 'sad' : 'glad',
  n % 4 === 0 ? [] : ['a', null, 'b'.repeat(n % 30)],
])

describe.each(['postgres', 'pglite'] as const)('on %s', async (kind) => {
  const target = await freshTarget(kind)
  const columns: StageColumn[] = []
  const writer = await target.transaction(async (tx) => {
    const definitions = TYPES.map(([name, type]) => `${quoted(name)} ${typeOf(type).sql}`)
    await tx.query(
      `CREATE TYPE public.mood AS ENUM ('sad', 'glad');
       CREATE TABLE public.${quoted(TABLE.table)} (${definitions.join(', ')}, more inet, PRIMARY KEY (id, ${quoted('Sub "key"')}))`,
    )
    const named = TYPES.map(([name, type]) => ({ name, type: typeOf(type) }))
    const wires = await wireTypes(tx, TABLE, named)
    columns.push(...named.map(({ name }, at) => ({ name, wire: wires[at]! })))
    const made = new TupleWriter(wires)
    for (const row of rows) made.append(row)
    await tx.copyIn(
      TABLE,
      named.map((it) => it.name),
      [made.all()],
    )
    return made
  })
  const key = KEY.map((it) => columns[it]!)
  const from = { table: TABLE, from: `public.${quoted(TABLE.table)} t`, parameters: [] }

  const tallied = (): RowTally => {
    const tally = new RowTally(KEY)
    for (let row = 0; row < writer.count; row++) tally.add(writer.all(), writer.startOf(row))
    return tally
  }
  const summed = async (tx: Transaction, where = 'true'): Promise<RowTally> => {
    const tally = new RowTally(KEY)
    const some = { ...from, from: `${from.from} WHERE ${where}` }
    for await (const it of sumRows(tx, some, { columns, key })) tally.addSum(it)
    return tally
  }

  test('the server says that it hashes as this process does', async () => {
    expect(await target.transaction((tx) => hashesRows(target, tx, columns))).toBe(true)
  })

  test('a server without the functions is not asked', async () => {
    const asked = target.transaction((tx) => hashesRows({ version: 130_011 }, tx, columns))
    expect(await asked).toBe(false)
  })

  test('sums of the server are the sums of the rows that were written', async () => {
    const there = await target.transaction((tx) => summed(tx))
    expect(there.total).toBe(rows.length)
    expect(tallied().differs(there)).toBe(false)
  })

  test.each(TYPES.slice(2).map(([name]) => name))('a change of %s shows in the sums', async (name) => {
    const change = `UPDATE public.${quoted(TABLE.table)} SET ${quoted(name)} = NULL WHERE id = 11`
    const changed = target.transaction(async (tx) => {
      await tx.query(change)
      const there = await summed(tx)
      throw Object.assign(new Error('taken back'), { there })
    })
    const { there } = await changed.catch((error) => error as { there: RowTally })
    expect(tallied().differing(there)).toHaveLength(1)
  })

  test('hashes of rows are those of this process, each of them', async () => {
    const there = new Set<string>()
    await target.transaction(async (tx) => {
      for await (const piece of hashRows(tx, from, { columns, most: 1000 }))
        for (let at = 0; at < piece.length; at += 8) there.add(piece.toString('hex', at, at + 8))
    })
    const here = rows.map((_, row) => {
      hashRow(writer.all(), writer.startOf(row), [])
      return [ROW_HASH[0]!, ROW_HASH[1]!].map((it) => it.toString(16).padStart(8, '0')).join('')
    })
    expect([...there].sort()).toEqual(here.sort())
  })

  test('no more hashes are sent than were asked for', async () => {
    let bytes = 0
    await target.transaction(async (tx) => {
      for await (const piece of hashRows(tx, from, { columns, most: 30 })) bytes += piece.length
    })
    expect(bytes).toBe(30 * 8)
  })

  test('rows are found again by their buckets', async () => {
    const there = await target.transaction((tx) => summed(tx, 'id <> 11'))
    const differing = tallied().differing(there)
    const found: Buffer[] = []
    await target.transaction(async (tx) => {
      const wanted = await inBuckets(tx, TABLE, key, 1)
      const pages = tx.copyOut(`SELECT ${storedValues('t', columns)} FROM ${from.from} WHERE ${wanted}`, [
        `{${differing.join()}}`,
      ])
      for await (const page of pages) found.push(...page.map((it) => Buffer.from(it)))
    })
    const row = rows.findIndex(([id]) => id === 11n)
    expect(found.some((it) => it.equals(writer.tuple(row)))).toBe(true)
    expect(found.length).toBeLessThan(5)
  })
})

test('the sum of two rows is another when they exchange their values, or a value moves into the next column', () => {
  const text = builtInType({ base: 'text', array: false, sql: 'text' })
  const sumOf = (some: readonly (readonly string[])[]): bigint => {
    const writer = new TupleWriter([text, text, text])
    for (const row of some) writer.append(row)
    let sum = 0n
    for (let row = 0; row < writer.count; row++) {
      hashRow(writer.all(), writer.startOf(row), [0])
      sum += (BigInt(ROW_HASH[0]!) << 32n) | BigInt(ROW_HASH[1]!)
    }
    return BigInt.asUintN(64, sum)
  }
  const sums = [
    [
      ['1', 'a', 'b'],
      ['2', 'c', 'd'],
    ],
    [
      ['1', 'a', 'd'],
      ['2', 'c', 'b'],
    ],
    [
      ['1', 'c', 'b'],
      ['2', 'a', 'd'],
    ],
    [
      ['1', 'b', 'a'],
      ['2', 'c', 'd'],
    ],
    [
      ['1', 'ab', ''],
      ['2', 'c', 'd'],
    ],
  ].map(sumOf)
  expect(new Set(sums).size).toBe(sums.length)
})
