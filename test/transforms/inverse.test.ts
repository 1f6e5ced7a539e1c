import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalNumeric } from '../../src/decimal.ts'
import { writeJson } from '../../src/json/write-json.ts'
import type { Literal } from '../../src/plan/expression.ts'
import { TRANSFORMS } from '../../src/transforms/index.ts'
import { CalendarDate, Decimal, Instant, type Value } from '../../src/value.ts'
import { number, transform } from './table.ts'

const text = fc.string({ unit: 'grapheme' })
const decimal = fc
  .tuple(fc.bigInt(), fc.nat(9))
  .map(([digits, scale]) => new Decimal(canonicalNumeric(`${digits}e-${scale}`)))
const integerText = fc.bigInt().map(String)
const bytes = fc.uint8Array().map((it) => Buffer.from(it))
const seconds = fc.integer({ min: 946_684_800, max: 4_133_980_799 })
const isoText = fc
  .date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('+050000-01-01T00:00:00Z'),
    noInvalidDate: true,
  })
  .map((it) => it.toISOString())

/** Inputs in canonical form: the way back gives exactly these again. */
const CASES: readonly (readonly [name: string, args: readonly Literal[], inputs: fc.Arbitrary<Value>])[] = [
  ['add_prefix', ['@'], text],
  [
    'to_epoch_ms',
    [],
    fc.bigInt({ min: -10_000_000_000_000n, max: 10_000_000_000_000n }).map((it) => new Instant(it * 1000n)),
  ],
  ['base64', [], bytes.map((it) => it.toString('base64'))],
  ['bool', [], fc.boolean()],
  ['bool', [number('1'), number('0')], fc.constantFrom(new Decimal('1'), new Decimal('0'))],
  ['bool', [['yes', 'y'], 'no'], fc.constantFrom('yes', 'no')],
  ['date', [], isoText.map((it) => it.slice(0, it.indexOf('T')))],
  ['decimal', [], decimal],
  ['default', ['x'], text],
  ['divide', [number('4096')], decimal],
  [
    'each',
    ['int'],
    fc.array(
      fc.oneof(
        integerText.map((it) => new Decimal(it)),
        fc.constant(null),
      ),
    ),
  ],
  ['each', ['split', ','], fc.array(text)],
  ['epoch_ms', [], seconds.map((it) => new Decimal(`${it}001`))],
  ['epoch_s', [], seconds.map((it) => new Decimal(String(it)))],
  ['epoch_us', [], seconds.map((it) => new Decimal(`${it}000001`))],
  ['float', [], decimal],
  ['hex', [], bytes.map((it) => it.toString('hex'))],
  ['int', [], integerText.map((it) => new Decimal(it))],
  ['iso', [], isoText],
  ['iso', ['Europe/Vienna'], isoText],
  ['json', [], fc.json({ stringUnit: 'grapheme' }).map((it) => canonicalText(it))],
  [
    'map',
    [
      new Map([
        ['A', 'active'],
        ['X', 'deleted'],
      ]),
    ],
    fc.constantFrom('A', 'X'),
  ],
  ['multiply', [number('-0.03')], decimal],
  ['negate', [], decimal],
  ['null_if', ['none'], fc.oneof(text, fc.constant('none'))],
  ['scale', [number('2')], decimal],
  ['vector', [], fc.array(decimal)],
  ['split', ['::'], text],
  ['split', [','], fc.string({ unit: fc.constantFrom('a', ',', '') })],
]

test('every transform with a way back is tried here', () => {
  const tried = new Set(CASES.map(([name]) => name))
  expect(
    TRANSFORMS.filter((it) => it.oneWay === undefined && !tried.has(it.name)).map((it) => it.name),
  ).toEqual([])
})

describe('the way back', () => {
  test.each(CASES)('of %s(%j) gives what went in', (name, args, inputs) => {
    const { forward, inverse } = transform(name, ...args)
    fc.assert(
      fc.property(inputs, (input) => {
        const output = forward(input)
        const back = inverse?.(output)
        expect(plain(back)).toEqual(plain(input))
        expect(plain(forward(back))).toEqual(plain(output))
      }),
    )
  })

  test.each([
    ['int', integerText],
    ['decimal', decimal.map((it) => it.text)],
    ['epoch_ms', seconds.map((it) => `${it}001`)],
    ['json', fc.json()],
    ['iso', isoText.map((it) => it.replace('Z', '+03:00'))],
    ['hex', bytes.map((it) => it.toString('hex').toUpperCase())],
  ] as const)('of %s from another form gives the same value again', (name, inputs) => {
    const { forward, inverse } = transform(name)
    fc.assert(
      fc.property(inputs as fc.Arbitrary<string>, (input) => {
        let output: Value
        try {
          output = forward(input)
        } catch {
          return
        }
        expect(plain(forward(inverse?.(output)))).toEqual(plain(output))
      }),
    )
  })
})

function canonicalText(json: string): string {
  const text = JSON.stringify(JSON.parse(json))
  return text.includes('\\u0000') || /\p{Surrogate}/u.test(text) || text === 'null' ? '[]' : text
}

/** Numbers by value: `1.10` and `1.1` are one. */
function plain(value: Value): unknown {
  if (value instanceof Decimal) {
    const text = canonicalNumeric(value.text)
    return `number ${text.includes('.') ? text.replace(/\.?0+$/, '') : text}`
  }
  if (value instanceof Instant) return `moment ${value.micros}`
  if (value instanceof CalendarDate) return `day ${value.days}`
  if (Array.isArray(value)) return value.map((it: Value) => plain(it))
  return value instanceof Map ? writeJson(value) : value
}
