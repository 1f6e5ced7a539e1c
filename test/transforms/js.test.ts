import { describe, expect, test } from 'vitest'
import { ArgumentError } from '../../src/transforms/transform.ts'
import { CalendarDate, Instant, type Value } from '../../src/value.ts'
import { n, outcome, reject, transform } from './table.ts'

const types = (takes: string, gives: string) =>
  new Map([
    ['in', takes],
    ['out', gives],
  ])
const m = (of: Record<string, Value>): Value => new Map(Object.entries(of))
const run = (source: string, input: Value, takes = 'text', gives = 'text') =>
  outcome(() => transform('js', 'x.js', types(takes, gives), source).forward(input))

describe('a script', () => {
  test.each<[string, Value, unknown, string?, string?]>([
    ["export default (it) => it.toLowerCase().replaceAll(' ', '-')", 'A b', 'a-b'],
    [
      'export default function slug(it) { return helper(it) }\nfunction helper(it) { return it + 1 }',
      'a',
      'a1',
    ],
    ['export default (it) => it + 1n', n('9007199254740993'), n('9007199254740994'), 'number', 'number'],
    ['export default (it) => it * 2', n('0.25'), n('0.5'), 'number', 'number'],
    ['export default (it) => it.length', 'abc', n('3'), 'text', 'number'],
    ['export default (it) => !it', true, false, 'boolean', 'boolean'],
    [
      'export default (it) => it.map((one) => one.n).sort()',
      [m({ n: 'b' }), m({ n: 'a' })],
      ['a', 'b'],
      'list',
      'list',
    ],
    [
      'export default ({ a, ...rest }) => ({ ...rest, b: a + 1 })',
      m({ a: n('1'), c: null }),
      m({ c: null, b: n('2') }),
      'object',
      'object',
    ],
    [
      'export default (it) => it.id + 1n',
      m({ id: n('9007199254740993') }),
      n('9007199254740994'),
      'object',
      'number',
    ],
    ['export default (it) => [it, it + 1n]', n('7'), [n('7'), n('8')], 'number', 'list'],
    ["export default (it) => it.split(',').map(Number)", '1,2.5', [n('1'), n('2.5')], 'text', 'list'],
    ['export default (it) => it.slice(0, 10)', new Instant(0n), new CalendarDate(0), 'time', 'date'],
    [
      "export default (it) => it + 'T12:00:00+02:00'",
      new CalendarDate(1),
      new Instant(122_400_000_000n),
      'date',
      'time',
    ],
    ['export default (it) => Array.isArray(it) ? it : [it]', 'x', ['x'], 'any', 'list'],
    ["export default (it) => it['__proto__']", new Map([['__proto__', 'own']]), 'own', 'object', 'text'],
    ['export default (it) => it.gone', m({}), undefined, 'object', 'any'],
    ['export default () => null', 'a', null],
    ['export default () => {}', 'a', undefined],
  ])('%s', (source, input, expected, takes, gives) => {
    expect(run(source, input, takes, gives)).toEqual(expected)
  })

  test.each<[string, string, Value, string?, string?]>([
    ['gets what it declares', 'export default (it) => it', n('5')],
    ['gives what it declares', 'export default (it) => it', 'a', 'text', 'number'],
    ['gives data', 'export default () => ({})', 'a'],
    ['may fail', "export default () => { throw new Error('c4n4ry') }", 'a'],
    ['exports a function', 'export default 5', 'a'],
    ['gives no infinity', 'export default () => 1 / 0', 'a', 'text', 'number'],
    ['gives a list where it says so', 'export default () => ({})', 'a', 'text', 'list'],
    ['gives no holes', 'export default () => [undefined]', 'a', 'text', 'list'],
    ['gives no functions', 'export default () => [() => 1]', 'a', 'text', 'list'],
    ['gives no maps', 'export default () => new Map()', 'a', 'text', 'object'],
    [
      'gives nothing endless',
      'export default () => { const it = []; it.push(it); return it }',
      'a',
      'text',
      'list',
    ],
    ['gives a time with its zone', "export default () => '2026-01-01T00:00:00'", 'a', 'text', 'time'],
    [
      'gets no rounded number inside',
      'export default (it) => it',
      [n('0.12345678901234567890')],
      'list',
      'list',
    ],
    ['gets no rounded number', 'export default (it) => it', n('0.12345678901234567890'), 'number', 'number'],
  ])('%s, or the record is rejected', (_, source, input, takes, gives) => {
    expect(run(source, input, takes, gives)).toEqual({
      rejected: expect.stringMatching(/^(TYPE_MISMATCH|TRANSFORM|NON_FINITE|LOSSY_FLOAT|TIMEZONE_MISSING)$/),
    })
  })

  test.each([
    'Date.now()',
    'new Date()',
    'Math.random()',
    'performance.now()',
    'process.pid',
    'require("fs")',
    'crypto.randomUUID()',
    'eval("1")',
    "'a'.localeCompare('b')",
    'kvmigCall.constructor("return process")()',
  ])('cannot ask for %s', (expression) => {
    expect(run(`export default () => String(${expression})`, 'a')).toEqual(reject('TRANSFORM'))
  })

  test.each([
    ['export default (', /no JavaScript/],
    ['const a = 1', /one "export default"/],
    ["import fs from 'fs'\nexport default () => fs", /import nothing/],
    ['export const a = 1\nexport default () => a', /its default only/],
  ])('%s is refused before anything is read', (source, message) => {
    expect(() => transform('js', 'x.js', types('text', 'text'), source)).toThrow(message)
  })

  test('does not run before there is a value', () => {
    const { forward } = transform(
      'js',
      'x.js',
      types('text', 'text'),
      "throw new Error('ran')\nexport default (it) => it",
    )
    expect(forward(null)).toBe(null)
    expect(outcome(() => forward('a'))).toEqual(reject('TRANSFORM'))
  })

  test('never tells what it failed on', () => {
    expect(() =>
      transform(
        'js',
        'x.js',
        types('text', 'text'),
        'export default (it) => { throw new Error(it) }',
      ).forward('c4n4ry'),
    ).toThrow(/^The script failed for this value\.$/)
  })

  test.each([[['x.js']], [['x.js', types('text', 'blob')]], [['x.js', new Map([['in', 'text']])]]])(
    '%j does not say what it takes and gives',
    (args) => {
      expect(() => transform('js', ...args)).toThrow(ArgumentError)
    },
  )
})
