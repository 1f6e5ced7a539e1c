import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileDecoding } from '../../src/mapping/decode.ts'
import { DECODERS } from '../../src/mapping/decoders.ts'
import { RecordScope } from '../../src/mapping/record.ts'
import type { TextPolicy } from '../../src/mapping/utf8.ts'
import { parseDecodeStep } from '../../src/plan/expression.ts'
import { Decimal, RejectError, type Value } from '../../src/value.ts'

const byName = new Map(DECODERS.map((it) => [it.name, it]))

function chain(steps: readonly string[], policy: TextPolicy = 'reject') {
  const parsed = steps.map((it) => {
    const { step } = parseDecodeStep(it)
    if (!step) throw new Error(`no step ${it}`)
    return { ...step, at: { file: 'test', line: 1, column: 1 } }
  })
  return compileDecoding(parsed, { decoders: byName, policy, captures: [] })
}

function decode(steps: readonly string[], input: Buffer | string, policy?: TextPolicy) {
  const dropped: string[] = []
  try {
    const value = chain(steps, policy).decode(
      Buffer.from(input as string),
      (field) => dropped.push(field),
      scope,
    )
    return dropped.length > 0 ? { value, dropped } : value
  } catch (error) {
    if (error instanceof RejectError) return { rejected: error.code }
    throw error
  }
}

const floats = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 })
const scope = new RecordScope()
const no = (rejected: string) => ({ rejected })
const object = (entries: Readonly<Record<string, Value>>): Value => new Map(Object.entries(entries))
const zipped = (text: string): Buffer => gzipSync(Buffer.from(text))
const twice = (value: unknown): string => JSON.stringify(JSON.stringify(value))

test.each<[steps: string[], input: Buffer | string, output: unknown]>([
  [['float32'], Buffer.from('0000003f000080bf', 'hex'), [new Decimal('0.5'), new Decimal('-1')]],
  [['float32(big)'], Buffer.from('3f000000', 'hex'), [new Decimal('0.5')]],
  [['float32'], '', []],
  [['float32'], 'abc', no('CODEC_MISMATCH')],
  [['float32'], Buffer.from('0000c07f', 'hex'), no('NON_FINITE')],
  [['base64', 'msgpack'], 'gaFhAQ==', object({ a: new Decimal('1') })],
  [['msgpack'], Buffer.from('c1', 'hex'), no('CODEC_MISMATCH')],
  [[], 'é\n', 'é\n'],
  [[], '\ufeffx', '\ufeffx'],
  [[], '', ''],
  [[], 'a\0b', 'a\0b'],
  [[], Buffer.from([0x80]), no('INVALID_UTF8')],
  [[], Buffer.from('c0af', 'hex'), no('INVALID_UTF8')],
  [[], Buffer.from('eda080', 'hex'), no('INVALID_UTF8')],
  [[], zipped('x'), no('CODEC_MISMATCH')],
  [['utf8'], 'x', 'x'],
  [['bytes'], Buffer.from([0, 255]), Buffer.from([0, 255])],
  [['json'], '{"a":1.0}', object({ a: new Decimal('1.0') })],
  [['json'], '"x"', 'x'],
  [['json'], 'x', no('INVALID_JSON')],
  [['json'], zipped('{}'), no('INVALID_UTF8')],
  [['json until object'], '{"a":true}', object({ a: true })],
  [['json until object'], twice({ a: true }), object({ a: true })],
  [['json until object'], JSON.stringify(twice([1])), [new Decimal('1')]],
  [['json until object'], '"x"', no('INVALID_JSON')],
  [['json until object'], '5', no('TYPE_MISMATCH')],
  [['json until object'], 'null', no('NULL_NOT_ALLOWED')],
  [['unwrap(value)'], '{"value":{"a":true}}', object({ a: true })],
  [['unwrap(value)'], '{"value":null}', null],
  [['unwrap(value)'], '{"value":"x","expires":5}', { value: 'x', dropped: ['expires'] }],
  [
    ['unwrap(data.attributes)'],
    '{"data":{"attributes":{},"id":"x"}}',
    { value: new Map(), dropped: ['data.id'] },
  ],
  [['unwrap(value)'], '{}', no('FIELD_MISSING')],
  [['unwrap(value)'], '[]', no('TYPE_MISMATCH')],
  [
    ['unwrap(value)', 'json until object'],
    JSON.stringify({ value: twice({ a: true }) }),
    object({ a: true }),
  ],
  [['unwrap(value)', 'json until object'], '{"value":{"a":true}}', object({ a: true })],
  [['base64'], 'AP8=', Buffer.from([0, 255])],
  [['base64'], 'A', no('CODEC_MISMATCH')],
  [['base64', 'json'], Buffer.from('[]').toString('base64'), []],
  [['hex', 'utf8'], 'c3a9', 'é'],
  [['hex'], 'c3a', no('CODEC_MISMATCH')],
  [['gzip', 'json'], zipped('[true]'), [true]],
  [['gzip'], 'x', no('CODEC_MISMATCH')],
  [['gzip'], zipped('x'.repeat(1000)).subarray(0, 20), no('CODEC_MISMATCH')],
  [['gzip'], gzipSync(Buffer.alloc(64 * 1024 * 1024 + 1)), no('VALUE_TOO_LARGE')],
  [
    ['base64', 'gzip', 'json until object'],
    zipped(twice({ a: true })).toString('base64'),
    object({ a: true }),
  ],
])('%j (%#)', (steps, input, output) => {
  expect(decode(steps, input)).toStrictEqual(output)
})

test('gives up on JSON that is wrapped without end', () => {
  let text = '[]'
  for (let depth = 0; depth < 21; depth++) text = JSON.stringify(text)
  expect(decode(['json until object'], text)).toEqual(no('JSON_TOO_DEEP'))
})

test('replaces what Postgres cannot hold where the plan says so', () => {
  expect(decode([], Buffer.from('61ff0062', 'hex'), 'replace')).toBe('a\ufffdb')
  expect(decode(['json'], '"a\\u0000\\ud800"', 'replace')).toBe('a\ufffd')
})

describe('the way back', () => {
  const json = fc
    .json({ stringUnit: 'grapheme' })
    .map((it) => JSON.stringify(JSON.parse(it)))
    .filter((it) => !it.includes('\\u0000'))

  test.each<[steps: string[], values: fc.Arbitrary<string | Buffer>]>([
    [[], fc.string({ unit: 'grapheme' })],
    [['utf8'], fc.string({ unit: 'grapheme' })],
    [['bytes'], fc.string({ unit: 'binary' })],
    [['json'], json],
    [['unwrap(value)'], json.map((it) => `{"value":${it}}`)],
    [['base64'], fc.uint8Array().map((it) => Buffer.from(it).toString('base64'))],
    [['base64', 'json'], json.map((it) => Buffer.from(it).toString('base64'))],
    [['float32'], floats.map((it) => Buffer.from(Float32Array.from(it).buffer))],
    [['float32(big)'], floats.map((it) => Buffer.from(Float32Array.from(it).buffer).swap32())],
    [['hex'], fc.string({ unit: 'grapheme' }).map((it) => Buffer.from(it).toString('hex'))],
  ])('of %j gives the bytes again', (steps, values) => {
    const { decode: read, encode } = chain(steps)
    fc.assert(
      fc.property(values, (text) => {
        const bytes = Buffer.from(text as string)
        expect(encode?.(read(bytes, () => {}, scope))).toEqual(bytes)
      }),
    )
  })

  test('of gzip gives something that unzips to the same', () => {
    const { decode: read, encode } = chain(['gzip', 'json'])
    const value = read(zipped('{"a":1}'), () => {}, scope)
    expect(read(encode?.(value) as Buffer, () => {}, scope)).toEqual(value)
  })

  test('says what it loses', () => {
    expect(chain(['json until object']).oneWay).toMatch(/how often/)
    expect(chain(['json']).oneWay).toBeUndefined()
  })
})
