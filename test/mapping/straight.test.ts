import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { forwardClaims } from '../../src/mapping/claim.ts'
import type { Entry } from '../../src/sources/source.ts'
import { TupleWriter } from '../../src/target/codec.ts'
import { type Compiled, compilePlans, hash, string } from './compiled.ts'

/**
 * The short way has to give the bytes that the long way gives, or leave a record to it. `forward` of `compiled.ts` compares the two for
 * every entry of every test of mappings; here both get what is made to lead the short way astray.
 */
const COLUMNS = `id: text, t: text, v: varchar(5), s: smallint, i: integer, b: bigint, n: "numeric", f: boolean, e: timestamptz, o: timestamptz, j: jsonb, d: date`

const plan = (rule: string, columns = COLUMNS): string => `mappings:
  - match: k:{id}
    into: t
    ${rule.replaceAll('\n', '\n    ')}
tables:
  t: { columns: { ${columns} }, primary_key: [id] }
`

const ofJson = (more = '') =>
  compilePlans(
    plan(`type: string
decode: json
key: [id]
fields: { id: $id, t: t, v: v, s: s, i: i | int, b: b, n: n, f: f, e: e | epoch_ms, o: o | iso, j: j, d: "d | date" }
${more}`),
  )

const ofHash = () =>
  compilePlans(
    plan(`type: hash
key: [id]
fields: { id: $id, t: t, v: v, s: s | int, i: i | int, b: b | int, n: n | decimal, f: f | bool, e: e | epoch_ms, o: o | iso, j: j | json, d: "d | date" }`),
  )

/** Did all rows of an entry come by the short way? */
function isShort({ router }: Compiled, entry: Entry): boolean {
  let [short, long] = [0, 0]
  forwardClaims(router.route(entry.key, entry.type), entry, ({ columns }) => ({
    bytes: new TupleWriter(columns.map(({ type }) => ({ type, oid: 1, sql: type.sql }))),
    wrote: () => (short += 1),
    row: () => (long += 1),
    reject: () => (long += 1),
    filtered: () => (long += 1),
    unmapped: () => (long += 1),
  }))
  return short > 0 && long === 0
}

const TEXTS = [
  '',
  'a',
  'naïve',
  'привет',
  '😀',
  '\u{fffd}',
  'a"b',
  'a\\b',
  'a/b',
  'a\tb\n',
  '\u0001',
  'a\0b',
  '007',
  '-1',
  '-0',
  '0',
  '12345678901234567890',
  'true',
  'false',
  '2026-01-08T10:00:00Z',
  '2026-01-08T10:00:00.123456Z',
  '2026-02-30T10:00:00Z',
  '9999-12-31T23:59:59.999999Z',
  '0001-01-01T00:00:00Z',
  '2026-01-08T24:00:00Z',
  '2026-01-08T10:00:00.Z',
  '2026-01-08T10:00:00+01:00',
  '2026-01-08',
  '1700000000000',
  '1e3',
  'null',
  '{"a":1}',
]
const JSONS = [
  'null',
  'true',
  'false',
  'tru',
  '0',
  '-0',
  '00',
  '-',
  '1',
  '-1',
  '1.5',
  '1.',
  '.5',
  '1e3',
  '1E+3',
  '1e',
  '32767',
  '32768',
  '-32768',
  '-32769',
  '2147483647',
  '2147483648',
  '-2147483648',
  '999999999999999',
  '-999999999999999',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '1700000000000',
  '946684799999',
  '4133980800000',
  '4e12',
  '"\\u0061"',
  '"\\u0000"',
  '"\\ud83d\\ude00"',
  '"\\ud83d"',
  '"\\u00e9\\u4e2d\\/\\b"',
  '"\\x"',
  '"\\u12"',
  '"a',
  '"\t"',
  '[]',
  '[1,{"a":"]"}]',
  '{"a":{"a":1,"a":2}}',
  '{"a\\"":[true]}',
  '[1,]',
  '{',
  ...TEXTS.map((it) => JSON.stringify(it)),
]
const NAMES = ['id', 't', 'v', 's', 'i', 'b', 'n', 'f', 'e', 'o', 'j', 'd', 'x', 'ключ', '__proto__', '']

const space = fc.constantFrom('', '', '', ' ', '\n\t')
const field = fc.record({
  name: fc.constantFrom(...NAMES),
  value: fc.oneof(fc.constantFrom(...JSONS), fc.json()),
  space,
})
const document = fc
  .tuple(fc.array(field, { maxLength: 14 }), fc.constantFrom('', '', '', '', ' ', 'x', '}', ','))
  .map(
    ([fields, end]) =>
      `{${fields.map((it) => `${it.space}${JSON.stringify(it.name)}${it.space}:${it.space}${it.value}`).join(',')}}${end}`,
  )

describe.each([
  ['taking every field it may', ''],
  ['dropping what nobody takes', 'unmapped: { drop: all, because: a test }'],
  ['dropping some by name', 'unmapped: { drop: [x, __proto__], because: a test }'],
])('JSON, %s', (_, more) => {
  test('any document gives the same by the short way and the long way', async () => {
    const { forward } = await ofJson(more)
    fc.assert(
      fc.property(fc.oneof(document, fc.json(), fc.string()), (text) => {
        forward(string('k:1', text))
      }),
      { numRuns: 3000 },
    )
  })

  test('so does one whose bytes were damaged', async () => {
    const { forward } = await ofJson(more)
    const text =
      '{"t":"naïve \\"x\\" \\u0041","i":12,"e":1700000000000,"o":"2026-01-08T10:00:00.5Z","j":{"a":[1,2,{"b":null}]},"f":true}'
    fc.assert(
      fc.property(fc.nat(Buffer.byteLength(text) - 1), fc.nat(255), fc.nat(2), (at, byte, cut) => {
        const bytes = Buffer.from(text)
        bytes[at] = byte
        forward(string('k:1', cut === 0 ? bytes.subarray(0, at) : bytes))
      }),
      { numRuns: 3000 },
    )
  })
})

test('each value of a table of odd ones gives the same in each column', async () => {
  const { forward } = await ofJson()
  for (const name of NAMES)
    for (const value of JSONS) forward(string('k:1', `{${JSON.stringify(name)}:${value}}`))
})

test('fields in another order, fewer of them and unknown ones do not confuse it', async () => {
  const compiled = await ofJson('unmapped: { drop: all, because: a test }')
  const texts = [
    '{"t":"a","v":"b","i":1}',
    '{"i":1,"v":"b","t":"a"}',
    '{"v":"b"}',
    '{"t":"a","new":1,"v":"c"}',
    '{"new":{"t":"z"},"t":"a"}',
    '{}',
  ]
  for (const text of [...texts, ...texts.toReversed()]) {
    compiled.forward(string('k:1', text))
    expect(isShort(compiled, string('k:1', text)), text).toBe(true)
  }
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`n${at}`, at]))
  for (let at = 0; at < 3; at++) compiled.forward(string('k:1', JSON.stringify({ ...many, t: 'a' })))
})

test('a hash gives the same, whatever is in its fields', async () => {
  const { forward } = await ofHash()
  const value = fc.oneof(
    fc.constantFrom(...TEXTS, ...JSONS).map((it) => Buffer.from(it)),
    fc.uint8Array({ maxLength: 8 }).map((it) => Buffer.from(it)),
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), value), { selector: ([name]) => name }),
      (fields) => {
        forward(hash('k:1', fields.flat()))
      },
    ),
    { numRuns: 3000 },
  )
})

test('what is usual does come by the short way', async () => {
  const json =
    '{ "t": "a \\"b\\" é 😀\\n", "v": "abcde", "s": -5, "i": 7, "b": 123456789012345, "n": 1.50, "f": false, "e": 1700000000000, "o": "2026-01-08T10:00:00.123Z", "j": [1, null] }'
  expect(isShort(await ofJson(), string('k:1', json))).toBe(true)
  expect(isShort(await ofJson(), string('k:1', '{"x":1}'))).toBe(false)
  expect(
    isShort(
      await ofHash(),
      hash('k:1', { t: 'é', v: 'a', s: '1', f: 'true', e: '1700000000000', o: '2026-01-08T10:00:00Z' }),
    ),
  ).toBe(true)
  const fields = await compilePlans(
    plan('type: hash\neach: field\ndecode: json\nfields: { id: $field, t: t }', 'id: text, t: text'),
  )
  expect(isShort(fields, hash('k:1', { a: '{"t":"x"}', b: '{"t":"y"}' }))).toBe(true)
})

test.each([
  ['a condition', 'type: string\ndecode: json\nwhere: has(r.t)\nfields: { id: $id, t: t }'],
  ['text that is mended', 'type: string\ndecode: json\ntext: replace\nfields: { id: $id, t: t }'],
  ['a field inside a field', 'type: string\ndecode: json\nfields: { id: $id, t: a.t }'],
  ['the rest of the fields', 'type: string\ndecode: json\nfields: { id: $id, t: rest() | text }'],
])('a mapping with %s has no short way', async (_, rule) => {
  const compiled = await compilePlans(plan(rule, 'id: text, t: text')).catch(() => undefined)
  if (compiled) expect(isShort(compiled, string('k:1', '{"t":"x","a":{"t":"y"}}'))).toBe(false)
})
