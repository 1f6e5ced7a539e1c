import { describe, expect, test } from 'vitest'
import type { ColumnType } from '../../src/plan/table.ts'
import { encodeTuple, TupleWriter } from '../../src/target/codec.ts'
import { wireTypes } from '../../src/target/column-types.ts'
import { readRows, scanKeys, scanRows } from '../../src/target/read-rows.ts'
import {
  canonicalTexts,
  createStage,
  isDirect,
  type StageColumn,
  stagedValues,
} from '../../src/target/stage.ts'
import type { Cell, Row } from '../../src/value.ts'
import { freshTarget, TARGETS } from './targets.ts'

const plain = (base: ColumnType['base'], more: Partial<ColumnType> = {}): ColumnType => ({
  base,
  array: false,
  sql: base,
  ...more,
})

describe.each(TARGETS)('on %s', async (kind) => {
  const target = await freshTarget(kind)

  async function columnsOf(
    table: string,
    types: Readonly<Record<string, ColumnType>>,
  ): Promise<StageColumn[]> {
    const named = Object.entries(types).map(([name, type]) => ({ name, type }))
    const wires = await target.transaction((tx) => wireTypes(tx, { schema: 'public', table }, named))
    return named.map(({ name }, index) => ({ name, wire: wires[index]! }))
  }

  await target.transaction((tx) =>
    tx.query(
      `CREATE SCHEMA app; CREATE TYPE app."Mood" AS ENUM ('sad', 'glad'); CREATE DOMAIN app.short AS varchar(9)`,
    ),
  )

  test.each<[string, Readonly<Record<string, ColumnType>>, Cell[][]]>([
    ['text', { k: plain('text') }, [['a'], ["it's"], ['é😀'], [''], ['{"x",}']]],
    ['bigint', { k: plain('bigint') }, [[1n], [-9007199254740993n], [2n ** 62n]]],
    ['uuid', { k: plain('uuid') }, [['00112233-4455-6677-8899-aabbccddeeff']]],
    ['timestamptz', { k: plain('timestamptz') }, [[1_767_830_400_123_456n], [0n]]],
    [
      'numeric(12,2)',
      { k: plain('numeric', { sql: 'numeric(12,2)', precision: 12, scale: 2 }) },
      [['1.10'], ['-3.00']],
    ],
    ['bytea', { k: plain('bytea') }, [[Buffer.from([0, 255])], [Buffer.alloc(0)]]],
    ['char(4)', { k: plain('char', { sql: 'char(4)', length: 4 }) }, [['ab'], ['abcd']]],
    ['an enum with a quoted name', { k: plain('enum', { sql: 'app."Mood"' }) }, [['glad'], ['sad']]],
    ['a domain', { k: plain('other', { sql: 'app.short' }) }, [['x'], ['yz']]],
    ['inet', { k: plain('other', { sql: 'inet' }) }, [['10.0.0.1/32'], ['::1/128']]],
    ['text[]', { k: plain('text', { array: true }) }, [[['a', 'b']], [[]], [['a', null]]]],
    [
      'two columns, one with capitals',
      { 'Big "Key"': plain('integer'), day: plain('date') },
      [
        [1, 20_000],
        [1, 20_001],
        [2, 20_000],
      ],
    ],
  ])('finds rows by a key of %s, in the order of the keys', async (name, types, keys) => {
    const table = `by ${name}`
    const place = { schema: 'public', table }
    const named = Object.entries(types)
    const definitions = named.map(
      ([it, type]) => `"${it.replaceAll('"', '""')}" ${type.sql}${type.array ? '[]' : ''}`,
    )
    const primary = named.map(([it]) => `"${it.replaceAll('"', '""')}"`)
    await target.transaction((tx) =>
      tx.query(`CREATE TABLE public."${table}" (${definitions}, note text, PRIMARY KEY (${primary}))`),
    )
    const key = await columnsOf(table, types)
    const columns = [...key, ...(await columnsOf(table, { note: plain('text') }))]
    const rows: Row[] = keys.map((cells, index) => [...cells, `row ${index}`])
    const writer = new TupleWriter(columns.map((it) => it.wire))
    for (const row of rows) writer.append(row)
    await target.transaction(async (tx) => {
      await createStage(tx, 'stage', columns)
      await tx.copyIn(
        { temporary: 'stage' },
        columns.map((it) => it.name),
        [writer.all()],
      )
      await tx.query(
        `INSERT INTO public."${table}" SELECT ${stagedValues('s', columns)} FROM pg_temp.stage s`,
      )
    })
    const asked = [...keys, keys[0]!, keys.at(-1)!].reverse()
    const found = await target.transaction((tx) => readRows(tx, place, columns, key, asked), {
      readOnly: true,
    })
    const expected = [...rows, rows[0]!, rows.at(-1)!].reverse().map((row) =>
      encodeTuple(
        columns.map((it) => it.wire),
        row,
      ),
    )
    expect(found.map((it) => it?.toString('hex'))).toEqual(expected.map((it) => it.toString('hex')))
    await target.transaction(async (tx) => {
      const scanned: string[] = []
      for await (const page of scanKeys(tx, place, key)) scanned.push(...page.map((it) => it.toString('hex')))
      const all = keys.map((it) =>
        encodeTuple(
          key.map(({ wire }) => wire),
          it,
        ).toString('hex'),
      )
      expect(scanned.sort()).toEqual(all.sort())
    })
  })

  test('leaves out keys that are not there', async () => {
    await target.transaction((tx) =>
      tx.query(`CREATE TABLE public.few (k int PRIMARY KEY); INSERT INTO public.few VALUES (2)`),
    )
    const key = await columnsOf('few', { k: plain('integer') })
    const found = await target.transaction((tx) =>
      readRows(tx, { schema: 'public', table: 'few' }, key, key, [[1], [2], [null], [2]]),
    )
    expect(found.map((it) => it?.length)).toEqual([undefined, 10, undefined, 10])
    expect(
      await target.transaction((tx) => readRows(tx, { schema: 'public', table: 'few' }, key, key, [])),
    ).toEqual([])
  })

  test('finds thousands of rows at once', async () => {
    await target.transaction((tx) =>
      tx.query(
        `CREATE TABLE public.many (k int PRIMARY KEY, v text); INSERT INTO public.many SELECT g, 'v' || g FROM generate_series(1, 20000) g`,
      ),
    )
    const columns = await columnsOf('many', { k: plain('integer'), v: plain('text') })
    const keys = Array.from({ length: 12_000 }, (_, index) => [(index * 7919) % 20_001])
    const found = await target.transaction((tx) =>
      readRows(tx, { schema: 'public', table: 'many' }, columns, columns.slice(0, 1), keys),
    )
    const expected = keys.map(([k]) =>
      k === 0
        ? undefined
        : encodeTuple(
            columns.map((it) => it.wire),
            [k!, `v${k}`],
          ),
    )
    expect(
      found.every((it, index) =>
        it && expected[index] ? it.equals(expected[index]) : it === expected[index],
      ),
    ).toBe(true)
    let rows = 0
    await target.transaction(async (tx) => {
      for await (const page of scanRows(tx, { schema: 'public', table: 'many' }, columns)) rows += page.length
    })
    expect(rows).toBe(20_000)
  })

  test('knows which types have to be cast, and how Postgres writes them', async () => {
    await target.transaction((tx) => tx.query(`CREATE TABLE public.odd (a text, b inet, c cidr[])`))
    const columns = await columnsOf('odd', { a: plain('text'), b: plain('other', { sql: 'inet' }) })
    expect(isDirect(columns)).toBe(false)
    expect(isDirect(columns.slice(0, 1))).toBe(true)
    const texts = ['10.0.0.1', null, '::0001']
    expect(await target.transaction((tx) => canonicalTexts(tx, columns[1]!.wire, texts))).toEqual([
      '10.0.0.1/32',
      null,
      '::1/128',
    ])
  })

  test('takes types without a codec by way of a stage, arrays of them too', async () => {
    const types = {
      a: plain('text'),
      b: plain('other', { sql: 'inet' }),
      c: plain('other', { sql: 'cidr', array: true }),
    }
    const columns = await columnsOf('odd', types)
    const row: Row = ['x', '10.0.0.1/32', ['10.0.0.0/8', null, '::/0']]
    const tuple = encodeTuple(
      columns.map((it) => it.wire),
      row,
    )
    const rows = await target.transaction(async (tx) => {
      await createStage(tx, 'stage', columns)
      await tx.copyIn({ temporary: 'stage' }, ['a', 'b', 'c'], [tuple])
      await tx.query(`INSERT INTO public.odd SELECT ${stagedValues('s', columns)} FROM pg_temp.stage s`)
      return readRows(tx, { schema: 'public', table: 'odd' }, columns, columns.slice(0, 1), [['x']])
    })
    expect(rows[0]!.equals(tuple)).toBe(true)
  })

  test('says which column is missing', async () => {
    await expect(columnsOf('odd', { nope: plain('text') })).rejects.toThrow(
      'Table odd of the target has no column nope',
    )
  })
})
