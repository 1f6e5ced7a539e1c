import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ColumnType } from '../../src/plan/table.ts'
import { encodeTuple, TupleWriter, tupleFields } from '../../src/target/codec.ts'
import { builtInType, wireTypes } from '../../src/target/column-types.ts'
import { decodeTuple } from '../../src/target/decode-tuple.ts'
import type { Cell, Row } from '../../src/value.ts'
import { freshTarget, TARGETS } from './targets.ts'

interface Sample {
  readonly type: ColumnType
  readonly cells: fc.Arbitrary<Cell>
}

const text = fc.string({ unit: 'binary', maxLength: 40 }).map((it) => it.replaceAll('\0', ''))
const codePoints = (most: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom('a', 'é', '漢', '😀', "'", '\n'), { maxLength: most }).map((it) => it.join(''))
const float = fc.constantFrom(0, -0, 0.1, 1e-300, 1.7976931348623157e308, Number.NaN, Infinity, -Infinity)
const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 9_000_000_000_000_000_000n / 1000n })

const SAMPLES: Readonly<Record<string, Sample>> = {
  text: { type: plain('text'), cells: text },
  varchar: { type: { ...plain('varchar'), length: 9, sql: 'varchar(9)' }, cells: codePoints(9) },
  char: { type: { ...plain('char'), length: 5, sql: 'char(5)' }, cells: codePoints(5) },
  smallint: { type: plain('smallint'), cells: fc.integer({ min: -32_768, max: 32_767 }) },
  integer: { type: plain('integer'), cells: fc.integer() },
  bigint: { type: plain('bigint'), cells: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  numeric: {
    type: plain('numeric'),
    cells: fc.oneof(
      decimal(fc.nat({ max: 30 }), fc.nat({ max: 30 })),
      fc.constantFrom('NaN', 'Infinity', '-Infinity'),
    ),
  },
  'numeric(20,6)': {
    type: { ...plain('numeric'), precision: 20, scale: 6, sql: 'numeric(20,6)' },
    cells: decimal(fc.nat({ max: 14 }), fc.constant(6)),
  },
  'numeric(7)': {
    type: { ...plain('numeric'), precision: 7, sql: 'numeric(7)' },
    cells: decimal(fc.nat({ max: 7 }), fc.constant(0)),
  },
  real: { type: plain('real'), cells: fc.oneof(fc.float(), float.map(Math.fround)) },
  double: { type: plain('double precision'), cells: fc.oneof(fc.double(), float) },
  boolean: { type: plain('boolean'), cells: fc.boolean() },
  timestamptz: { type: plain('timestamptz'), cells: micros },
  timestamp: {
    type: { ...plain('timestamp'), fraction: 3, sql: 'timestamp(3)' },
    cells: micros.map((it) => (it / 1000n) * 1000n),
  },
  date: { type: plain('date'), cells: fc.integer({ min: -2_440_588, max: 2_145_031_948 }) },
  uuid: { type: plain('uuid'), cells: fc.uuid() },
  json: { type: plain('json'), cells: fc.constantFrom('{"b":1, "a":2}', '[ ]', '"é😀"', '1.10', ' null') },
  jsonb: {
    type: plain('jsonb'),
    cells: fc.constantFrom(
      '{"a": 1.10, "bb": [true, null, {}]}',
      '[]',
      '"é😀\\n"',
      '12345678901234567890',
      'null',
    ),
  },
  bytea: { type: plain('bytea'), cells: fc.uint8Array({ maxLength: 50 }).map((it) => Buffer.from(it)) },
  enum: {
    type: { ...plain('enum'), sql: 'public.mood' },
    cells: fc.constantFrom('sad', 'so so', 'glücklich'),
  },
  vector: {
    type: { ...plain('vector'), dimensions: 3, sql: 'public.vector(3)' },
    cells: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
  },
}

function plain(base: ColumnType['base']): ColumnType {
  return { base, array: false, sql: base }
}

function decimal(whole: fc.Arbitrary<number>, fraction: fc.Arbitrary<number>): fc.Arbitrary<string> {
  const digits = (length: number) =>
    fc
      .array(fc.constantFrom(...'0000123456789'), { minLength: length, maxLength: length })
      .map((it) => it.join(''))
  return fc.tuple(fc.boolean(), whole.chain(digits), fraction.chain(digits)).map(([negative, a, b]) => {
    const number = `${a.replace(/^0+/, '') || '0'}${b ? `.${b}` : ''}`
    return negative && /[1-9]/.test(number) ? `-${number}` : number
  })
}

describe.each(TARGETS)('on %s', async (kind) => {
  const target = await freshTarget(kind)
  // Debian's Postgres comes without pgvector.
  const samples = Object.entries(SAMPLES).filter(([name]) => name !== 'vector' || kind === 'pglite')
  const columns = samples.flatMap(([name, { type }]) => [
    { name, type },
    { name: `${name}[]`, type: { ...type, array: true } },
  ])
  await target.transaction(async (tx) => {
    if (kind === 'pglite') await tx.query('CREATE EXTENSION vector WITH SCHEMA public')
    await tx.query(`CREATE TYPE public.mood AS ENUM ('sad', 'so so', 'glücklich')`)
    const definitions = columns.map((it) => `"${it.name}" ${it.type.sql}${it.type.array ? '[]' : ''}`)
    await tx.query(`CREATE TABLE public.all_types (n int, ${definitions.join(', ')})`)
  })
  const table = { schema: 'public', table: 'all_types' }
  const numbered = [{ name: 'n', type: plain('integer') }, ...columns]
  const types = await target.transaction((tx) => wireTypes(tx, table, numbered))

  test('a row that was copied in comes out as the same bytes, whatever its columns hold', async () => {
    const cells = columns.map(({ type, name }) => {
      const one = SAMPLES[name.replace('[]', '')]!.cells
      return fc.option(type.array ? fc.array(fc.option(one), { maxLength: 4 }) : one) as fc.Arbitrary<Cell>
    })
    const rows = fc.array(fc.tuple(...cells), { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(rows, async (drawn) => {
        const writer = new TupleWriter(types, { bytes: 16 })
        drawn.forEach((row, index) => {
          writer.append([index, ...row] as Row)
        })
        await target
          .transaction(async (tx) => {
            const names = numbered.map((it) => it.name)
            await tx.copyIn(table, names, [writer.all()])
            const stored: Buffer[] = []
            for await (const page of tx.copyOut('TABLE public.all_types ORDER BY n')) stored.push(...page)
            expect(stored.length).toBe(drawn.length)
            stored.forEach((tuple, index) => {
              const differing = tupleFields(tuple).flatMap((it, at) =>
                same(it, tupleFields(writer.tuple(index))[at]!)
                  ? []
                  : [`${names[at]}: ${it?.toString('hex')}`],
              )
              expect(differing).toEqual([])
              expect(tuple.equals(encodeTuple(types, [index, ...drawn[index]!] as Row))).toBe(true)
              expect(encodeTuple(types, decodeTuple(types, tuple)).equals(tuple)).toBe(true)
            })
            throw ROLL_BACK
          })
          .catch((error) => {
            if (error !== ROLL_BACK) throw error
          })
      }),
      { numRuns: 40 },
    )
  })

  test('a value that is encoded reads back as itself', async () => {
    const at = 1_767_830_400_123_456n
    const row: Row = [7, 'Ann', null, '12.50', at, -1, 'ab', '{"a": 1}', [1n, null, 3n]]
    const bases = [
      plain('integer'),
      plain('text'),
      plain('text'),
      { ...plain('numeric'), sql: 'numeric(9,2)', precision: 9, scale: 2 },
      plain('timestamptz'),
      plain('date'),
      { ...plain('char'), sql: 'char(4)', length: 4 },
      plain('jsonb'),
      { ...plain('bigint'), array: true },
    ]
    const rows = await target.transaction(async (tx) => {
      const definitions = bases.map((it, index) => `c${index} ${it.sql}${it.array ? '[]' : ''}`)
      await tx.query(`CREATE TEMP TABLE few (${definitions.join(', ')}) ON COMMIT DROP`)
      const names = bases.map((_, index) => `c${index}`)
      await tx.copyIn({ temporary: 'few' }, names, [encodeTuple(bases.map(builtInType), row)])
      return tx.query(`SELECT *, c6 || '|' AS padded FROM pg_temp.few`)
    })
    expect(rows).toEqual([
      {
        c0: '7',
        c1: 'Ann',
        c2: null,
        c3: '12.50',
        c4: '2026-01-08 00:00:00.123456+00',
        c5: '1969-12-31',
        c6: 'ab  ',
        c7: '{"a": 1}',
        c8: '{1,NULL,3}',
        padded: 'ab|',
      },
    ])
  })

  test('copies many rows in several frames, small ones gathered and large ones whole', async () => {
    const writer = new TupleWriter([plain('integer'), plain('text')].map(builtInType))
    const sizes = [10, 200_000, 3, 2_500_000, 0, 262_144, 1000]
    for (let index = 0; index < 5000; index++)
      writer.append([index, 'x'.repeat(index < 7 ? sizes[index]! : 100)])
    const tuples = Array.from({ length: writer.count }, (_, index) => writer.tuple(index))
    const rows = await target.transaction(async (tx) => {
      await tx.query('CREATE TEMP TABLE large (n int, v text) ON COMMIT DROP')
      await tx.copyIn({ temporary: 'large' }, ['n', 'v'], tuples)
      return tx.query(
        `SELECT count(*), sum(length(v)), array_agg(length(v) ORDER BY n) FILTER (WHERE n < 7) AS first FROM pg_temp.large`,
      )
    })
    const total = sizes.reduce((a, b) => a + b) + (5000 - 7) * 100
    expect(rows).toEqual([{ count: '5000', sum: String(total), first: `{${sizes.join(',')}}` }])
  })

  test('copies nothing where a row is refused, and the connection goes on', async () => {
    const types = [plain('integer')].map(builtInType)
    await target.transaction((tx) => tx.query('CREATE TABLE public.refusing (n int PRIMARY KEY)'))
    const tuples = Array.from({ length: 200_000 }, (_, index) => encodeTuple(types, [index % 100_000]))
    await expect(
      target.transaction((tx) => tx.copyIn({ schema: 'public', table: 'refusing' }, ['n'], tuples)),
    ).rejects.toMatchObject({
      sqlState: '23505',
      constraint: 'refusing_pkey',
      table: 'refusing',
      class: 'quarantine',
    })
    await expect(
      target.transaction((tx) => tx.copyIn({ schema: 'public', table: 'gone' }, ['n'], tuples)),
    ).rejects.toMatchObject({ code: 'TABLE_MISSING' })
    const rows = await target.transaction(async (tx) => {
      await tx.copyIn({ schema: 'public', table: 'refusing' }, ['n'], tuples.slice(0, 10))
      return tx.query('SELECT count(*) FROM public.refusing')
    })
    expect(rows).toEqual([{ count: '10' }])
  })
})

const ROLL_BACK = new Error('only looking')

const same = (a: Buffer | null, b: Buffer | null): boolean => (a && b ? a.equals(b) : a === b)
