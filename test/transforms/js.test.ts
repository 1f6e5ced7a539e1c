import { describe, expect, test } from 'vitest'
import { ArgumentError } from '../../src/transforms/transform.ts'
import type { Value } from '../../src/value.ts'
import { n, outcome, reject, transform } from './table.ts'

const types = (takes: string, gives: string) =>
  new Map([
    ['in', takes],
    ['out', gives],
  ])
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
    ['gets no rounded number', 'export default (it) => it', n('0.12345678901234567890'), 'number', 'number'],
  ])('%s, or the record is rejected', (_, source, input, takes, gives) => {
    expect(run(source, input, takes, gives)).toEqual({
      rejected: expect.stringMatching(/^(TYPE_MISMATCH|TRANSFORM|NON_FINITE|LOSSY_FLOAT)$/),
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
