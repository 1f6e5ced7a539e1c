import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readJson } from '../../src/json/read-json.ts'
import { canonicalJsonb } from '../../src/json/write-json.ts'
import type { RejectError } from '../../src/value.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

async function printed(texts: readonly string[]): Promise<string[]> {
  const { rows } = await database.query(
    'select x::jsonb::text as it from unnest($1::text[]) with ordinality t(x, n) order by n',
    [texts],
  )
  return rows.map((row) => row.it)
}

const NUMBERS = [
  '0',
  '-0',
  '-0.0',
  '0.0',
  '0e5',
  '0e-5',
  '0.00e1',
  '1.10',
  '1e3',
  '1E+3',
  '1e-3',
  '-1.5e-2',
  '12.34e1',
  '1.20e1',
  '100e-2',
]

test('prints numbers as Postgres does', async () => {
  const texts = [
    ...NUMBERS,
    '1e400',
    '1e131071',
    '1e-16383',
    '0.1e131072',
    '12345678901234567890.123456789012345678901234567890',
  ]
  expect(texts.map((text) => canonicalJsonb(readJson(text)))).toEqual(await printed(texts))
})

test.each(['1e131072', '1e-16384', '1e999999999', '-1e99999999999999999999', '0e-16384', '0e9999999999'])(
  'refuses %s, as Postgres does',
  async (text) => {
    expect(() => canonicalJsonb(readJson(text))).toThrow(
      expect.objectContaining({ code: 'NUMERIC_OVERFLOW' }),
    )
    await expect(printed([text])).rejects.toThrow()
  },
)

test('does not fill the memory with exponents', () => {
  const bomb = readJson(`[${Array(100_000).fill('1e131071').join()}]`)
  expect(() => canonicalJsonb(bomb)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
})

test('orders keys as Postgres does: by length in bytes, then bytes', async () => {
  const keys = [
    'b',
    'a',
    'aa',
    'é',
    'z',
    'B',
    '',
    '😀',
    '\ue000x',
    '\uffffx',
    '日本',
    '__proto__',
    'ab',
    'a"',
    'a\\',
    'aé',
    'éa',
    '\u007f',
    '\u0001',
  ]
  const text = JSON.stringify(Object.fromEntries(keys.map((key, index) => [key, index])))
  expect(canonicalJsonb(readJson(text))).toBe((await printed([text]))[0])
})

test('prints any JSON as Postgres does', async () => {
  const number = fc.oneof(
    fc.constantFrom(...NUMBERS),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => (Object.is(it, -0) ? '-0' : String(it))),
    fc
      .tuple(fc.bigInt(), fc.nat(99999), fc.integer({ min: -40, max: 40 }))
      .map(([a, b, c]) => `${a}.${b}e${c}`),
  )
  const string = fc
    .string({ unit: 'binary' })
    .filter((it) => !it.includes('\0'))
    .map((it) => JSON.stringify(it))
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(number, string, fc.constantFrom('true', 'false', 'null')),
      fc.array(tie('json')).map((items) => `[${items.join(' , ')}]`),
      fc
        .array(fc.tuple(string, tie('json')), { maxLength: 8 })
        .map((items) => `{${items.map((it) => it.join(': ')).join(', ')}}`),
    ),
  }))
  const samples = fc.sample(json, { numRuns: 4000 }).flatMap((text) => {
    try {
      return [{ text, ours: canonicalJsonb(readJson(text)) }]
    } catch (error) {
      expect((error as RejectError).code).toBe('DUPLICATE_JSON_KEY')
      return []
    }
  })
  expect(samples.length).toBeGreaterThan(3000)
  expect(samples.map((it) => it.ours)).toEqual(await printed(samples.map((it) => it.text)))
})
