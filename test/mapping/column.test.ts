import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toCell } from '../../src/mapping/column.ts'
import { realText, toDouble, toReal } from '../../src/mapping/float.ts'
import { fromCell } from '../../src/mapping/from-cell.ts'
import { parseType } from '../../src/plan/column-type.ts'
import type { ColumnType } from '../../src/plan/table.ts'
import { CalendarDate, type Cell, Decimal, Instant, RejectError, type Value } from '../../src/value.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { cellText } from './cell-text.ts'

const typeOf = (sql: string): ColumnType => {
  if (sql === 'mood') return { base: 'enum', array: false, labels: ['glad', 'sad'], sql }
  if (sql === 'inet') return { base: 'other', array: false, sql }
  if (sql.startsWith('vector'))
    return { base: 'vector', array: false, dimensions: Number(sql.slice(7, -1)), sql }
  const { type } = parseType(sql)
  if (!type) throw new Error(`no type ${sql}`)
  return type
}

const convert = (sql: string, value: Value, required = false): Cell | { readonly rejected: string } => {
  try {
    return toCell({ type: typeOf(sql) }, required)(value)
  } catch (error) {
    if (error instanceof RejectError) return { rejected: error.code }
    throw error
  }
}

const n = (text: string): Decimal => new Decimal(text)
const no = (rejected: string) => ({ rejected })
const micros = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n

type Case = readonly [sql: string, value: Value, cell: Cell | { readonly rejected: string }]

const CASES: readonly Case[] = [
  ['text', 'é\n', 'é\n'],
  ['text', '', ''],
  ['text', 'a\0b', no('NUL_IN_TEXT')],
  ['text', 'a\ud800', no('LONE_SURROGATE')],
  ['text', n('5'), no('TYPE_MISMATCH')],
  ['text', true, no('TYPE_MISMATCH')],
  ['text', new Map(), no('TYPE_MISMATCH')],
  ['text', Buffer.from('a'), no('TYPE_MISMATCH')],
  ['varchar(3)', '😀😀😀', '😀😀😀'],
  ['varchar(3)', 'abcd', no('TEXT_TOO_LONG')],
  ['varchar(3)', 'abc ', no('TEXT_TOO_LONG')],
  ['varchar', 'abcd', 'abcd'],
  ['char(3)', 'a', 'a  '],
  ['char(3)', '😀', '😀  '],
  ['char(3)', 'abcd', no('TEXT_TOO_LONG')],
  ['char(3)', 'a ', no('LOSSY_PRECISION')],
  ['mood', 'sad', 'sad'],
  ['mood', 'Sad', no('NOT_IN_ENUM')],
  ['inet', '10.0.0.1', '10.0.0.1'],
  ['inet', n('5'), '5'],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['uuid', 'a0eebc999c0b4ef8bb6d6bb9bd380a11', no('NOT_A_UUID')],
  ['smallint', n('-32768'), -32768],
  ['smallint', n('32768'), no('INT_OUT_OF_RANGE')],
  ['integer', n('2147483647'), 2147483647],
  ['integer', n('1767866400000'), no('INT_OUT_OF_RANGE')],
  ['integer', n('5.0'), 5],
  ['integer', n('-0'), 0],
  ['integer', n('5.5'), no('NOT_AN_INTEGER')],
  ['integer', n('1e999999999'), no('INT_OUT_OF_RANGE')],
  ['integer', '5', no('TYPE_MISMATCH')],
  ['bigint', n('9223372036854775807'), 9223372036854775807n],
  ['bigint', n('-9223372036854775808'), -9223372036854775808n],
  ['bigint', n('9223372036854775808'), no('INT_OUT_OF_RANGE')],
  ['bigint', n('1e18'), 1000000000000000000n],
  ['numeric', n('1.10'), '1.10'],
  ['numeric', n('1e3'), '1000'],
  ['numeric', n('-0'), '0'],
  ['numeric(10,2)', n('1.1'), '1.10'],
  ['numeric(10,2)', n('1.005'), no('LOSSY_ROUNDING')],
  ['numeric(4)', n('12345'), no('NUMERIC_OVERFLOW')],
  ['double precision', n('-0.0'), -0],
  ['double precision', n('0.30000000000000004'), 0.30000000000000004],
  ['double precision', n('0.10000000000000001'), 0.1],
  ['double precision', n('9007199254740993'), no('LOSSY_FLOAT')],
  ['double precision', n('0.1000000000000000055511151231257827'), no('LOSSY_FLOAT')],
  ['double precision', n('0.1000000000000000055511151231257827021181583404541015625'), 0.1],
  ['double precision', n('1180591620717411303424'), 2 ** 70],
  ['double precision', n('1e-400'), no('LOSSY_FLOAT')],
  ['double precision', n('1e400'), no('NUMERIC_OVERFLOW')],
  ['double precision', n('5e-324'), 5e-324],
  ['real', n('0.1'), Math.fround(0.1)],
  ['real', n('16777217'), no('LOSSY_FLOAT')],
  ['real', n('-0.006929283495992422'), Math.fround(-0.006929283495992422)],
  ['real', n('632.6426391601562'), Math.fround(632.64263916015625)],
  ['real', n('632.6426391601563'), Math.fround(632.64263916015625)],
  ['real', n('0.123456789012345'), no('LOSSY_FLOAT')],
  ['real', n('1e39'), no('NUMERIC_OVERFLOW')],
  ['real', n('1e-50'), no('LOSSY_FLOAT')],
  ['boolean', false, false],
  ['boolean', 'false', no('TYPE_MISMATCH')],
  ['boolean', n('0'), no('TYPE_MISMATCH')],
  ['timestamptz', new Instant(micros('2026-01-08T10:00:00Z')), micros('2026-01-08T10:00:00Z')],
  ['timestamptz', new Instant(9_225_167_212_726_300_000n), no('TIMESTAMP_IMPLAUSIBLE')],
  ['timestamptz', '2026-01-08T10:00:00Z', no('TYPE_MISMATCH')],
  ['timestamptz(3)', new Instant(1000n), 1000n],
  ['timestamptz(3)', new Instant(1001n), no('LOSSY_PRECISION')],
  ['timestamp(0)', new Instant(1_000_000n), 1_000_000n],
  ['timestamp(0)', new Instant(1_500_000n), no('LOSSY_PRECISION')],
  ['date', new CalendarDate(-2_440_588), -2_440_588],
  ['date', new CalendarDate(-2_440_589), no('TIMESTAMP_IMPLAUSIBLE')],
  ['date', new Instant(0n), no('TYPE_MISMATCH')],
  [
    'json',
    new Map<string, Value>([
      ['b', n('1.0')],
      ['a', [null, 'x']],
    ]),
    '{"b":1.0,"a":[null,"x"]}',
  ],
  [
    'jsonb',
    new Map<string, Value>([
      ['bb', n('1e2')],
      ['a', [null, 'x']],
    ]),
    '{"a": [null, "x"], "bb": 100}',
  ],
  ['jsonb', 'text', '"text"'],
  ['jsonb', '\\u0000', '"\\\\u0000"'],
  ['jsonb', 'a\0', no('NUL_IN_JSON')],
  ['jsonb', new Map([['a\0', 'x']]), no('NUL_IN_JSON')],
  ['json', ['a\udc00'], no('LONE_SURROGATE')],
  ['jsonb', n('1e999999999'), no('NUMERIC_OVERFLOW')],
  ['jsonb', Buffer.from('x'), no('TYPE_MISMATCH')],
  ['bytea', Buffer.from([0, 255]), Buffer.from([0, 255])],
  ['bytea', 'x', no('TYPE_MISMATCH')],
  ['text[]', ['a', null, ''], ['a', null, '']],
  ['text[]', ['a', n('1')], no('TYPE_MISMATCH')],
  ['text[]', '["a"]', no('TYPE_MISMATCH')],
  ['integer[]', [n('1'), n('2.0')], [1, 2]],
  ['integer[]', [[n('1')]], no('TYPE_MISMATCH')],
  ['varchar(1)[]', ['ab'], no('TEXT_TOO_LONG')],
  ['vector(2)', [n('0.5'), n('-1')], [0.5, -1]],
  ['vector(2)', [n('0.5')], no('TYPE_MISMATCH')],
  ['vector(2)', [n('0.5'), 'x'], no('TYPE_MISMATCH')],
  ['vector(2)', [n('0.5'), n('0.1234567890123')], no('LOSSY_FLOAT')],
]

test.each(CASES.map((it) => [inspect(it, { breakLength: 200 }).slice(0, 140), ...it] as const))(
  'takes or refuses %s',
  (_, sql, value, cell) => {
    expect(convert(sql, value)).toStrictEqual(cell)
  },
)

test('keeps missing and null apart where a column cannot be NULL', () => {
  expect(convert('text', undefined)).toBe(null)
  expect(convert('text', null)).toBe(null)
  expect(convert('text', undefined, true)).toEqual(no('FIELD_MISSING'))
  expect(convert('text', null, true)).toEqual(no('NULL_NOT_ALLOWED'))
  expect(convert('jsonb', null)).toBe(null)
})

describe('floats', () => {
  const double = fc.double({ noNaN: true, noDefaultInfinity: true })
  const real = fc.float({ noNaN: true, noDefaultInfinity: true })

  test('come back from their shortest text', () => {
    fc.assert(
      fc.property(double, (it) => void expect(toDouble(Object.is(it, -0) ? '-0' : String(it))).toBe(it)),
    )
    fc.assert(fc.property(real, (it) => void expect(toReal(realText(it))).toBe(it)))
  })

  test('come back from 17 digits, as Redis prints them, and a float32 from its digits as a double', () => {
    fc.assert(
      fc.property(double, (it) => void expect(toDouble(it.toPrecision(17))).toBe(it + 0)),
      { examples: [[0.1], [5e-324]] },
    )
    fc.assert(fc.property(real, (it) => void expect(toReal(Object.is(it, -0) ? '-0' : String(it))).toBe(it)))
  })

  test('are refused when one more digit says otherwise', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 2, maxExcluded: true, noNaN: true }), (it) => {
        // 53 digits write out any double from 1 to 2.
        const exact = it.toPrecision(53)
        expect(toDouble(exact)).toBe(it)
        expect(() => toDouble(`${exact}1`)).toThrow(/more digits/)
      }),
    )
  })
})

describe('Postgres', () => {
  let database: FreshDatabase
  beforeAll(async () => {
    database = await freshDatabase()
    await database.query(`alter database ${database.name} set timezone = 'Asia/Kathmandu'`)
    await database.query("create type mood as enum ('glad', 'sad')")
  })
  afterAll(() => database.drop())

  const decimal = fc
    .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: -6, max: 8 }))
    .map(([digits, exponent]) => n(`${digits}e${exponent}`))
  const plain = fc.oneof(
    decimal,
    fc.integer().map((it) => n(String(it))),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map((it) => n(String(it))),
  )
  const float = fc
    .oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ noNaN: true, noDefaultInfinity: true }),
    )
    .map((it) => n(String(it)))
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ unit: 'grapheme', maxLength: 8 }),
  )
  const moment = fc
    .bigInt({ min: -210_866_803_200_000_000n, max: 9_224_318_015_999_999_999n })
    .map((it) => new Instant(it))

  const TYPES: readonly (readonly [string, fc.Arbitrary<Value>])[] = [
    ['text', text],
    ['varchar(5)', text],
    ['char(5)', text],
    ['mood', fc.constantFrom('glad', 'sad', 'mad')],
    ['uuid', fc.uuid().chain((it) => fc.constantFrom(it, it.toUpperCase()))],
    ['smallint', plain],
    ['integer', plain],
    ['bigint', plain],
    ['numeric', plain],
    ['numeric(12,3)', plain],
    ['double precision', fc.oneof(float, plain)],
    ['real', fc.oneof(float, plain)],
    ['boolean', fc.boolean()],
    ['timestamptz', moment],
    ['timestamp(3)', moment.map(({ micros: it }) => new Instant(it - (it % 1000n)))],
    ['date', fc.integer({ min: -2_440_588, max: 2_145_042_905 }).map((it) => new CalendarDate(it))],
    ['bytea', fc.uint8Array().map((it) => Buffer.from(it))],
    ['text[]', fc.array(fc.option(text))],
    ['integer[]', fc.array(plain, { maxLength: 3 })],
    ['jsonb', fc.array(fc.oneof(text, plain, fc.boolean()), { maxLength: 3 })],
  ]

  /** What is stored, by other means than the type's own text, where that could hide a difference. */
  const STORED: Readonly<Record<string, string>> = {
    timestamptz:
      "(('x' || encode(timestamptz_send(it), 'hex'))::bit(64)::bigint::numeric + 946684800000000)::text",
    timestamp:
      "(('x' || encode(timestamp_send(it), 'hex'))::bit(64)::bigint::numeric + 946684800000000)::text",
    date: "(it - date '1970-01-01')::text",
  }

  test.each(TYPES)('stores a cell of %s unchanged, and it comes back as the value', async (sql, values) => {
    const type = typeOf(sql)
    const cells = fc.sample(values, 400).flatMap((value) => {
      const cell = convert(sql, value)
      return cell !== null && typeof cell === 'object' && 'rejected' in cell
        ? []
        : [{ value, text: cellText(cell as Cell, type), cell: cell as Cell }]
    })
    expect(cells.length).toBeGreaterThan(20)
    const { rows } = await database.query(
      `select ${STORED[type.base] ?? (type.array ? 'to_json(it)::text' : 'it::text')} as stored
       from (select x::${sql} as it, n from unnest($1::text[]) with ordinality t(x, n)) s order by n`,
      [cells.map((it) => it.text)],
    )
    for (const [index, { cell, text }] of cells.entries()) {
      const { stored } = rows[index]
      if (type.base === 'double precision') expect(Number(stored)).toBe(cell)
      else if (type.base === 'real') expect(Math.fround(Number(stored))).toBe(cell)
      else if (type.base.startsWith('timestamp') || type.base === 'date') expect(stored).toBe(String(cell))
      else if (type.array) expect(JSON.parse(stored)).toEqual(cell)
      // to_json and a cast forget the padding of char(n), so it is compared without.
      else expect(stored).toBe(type.base === 'char' ? text?.replace(/ +$/, '') : text)
      // Back and there again: the same cell.
      expect(toCell({ type }, false)(fromCell(type)(cell))).toStrictEqual(cell)
    }
  })
})
