import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Literal } from '../../src/plan/expression.ts'
import { TRANSFORMS } from '../../src/transforms/index.ts'
import { ArgumentError } from '../../src/transforms/transform.ts'
import type { Value } from '../../src/value.ts'
import { at, day, n, number, outcome, reject, transform } from './table.ts'

type Case = readonly [
  name: string,
  args: readonly Literal[],
  input: Value,
  output: Value | { readonly rejected: string },
]

const MAP = new Map<string, Literal>([
  ['A', 'active'],
  ['X', number('2')],
])

const CASES: readonly Case[] = [
  ['lower', [], 'ÀÉ@Ann', 'àé@ann'],
  ['lower', [], n('5'), reject('TYPE_MISMATCH')],
  ['upper', [], 'straße', 'STRASSE'],
  ['to_epoch_ms', [], at('2026-01-08T00:00:00.123Z'), n('1767830400123')],
  ['to_epoch_ms', [], at('1969-12-31T23:59:59.999Z'), n('-1')],
  ['to_epoch_ms', [], at('2026-01-08T00:00:00Z', 1), reject('LOSSY_PRECISION')],
  ['to_epoch_ms', [], '2026-01-08', reject('TYPE_MISMATCH')],
  ['trim', [], ' \t a b\n', 'a b'],
  ['strip_prefix', ['@'], '@@ann', '@ann'],
  ['strip_prefix', ['@'], 'ann', 'ann'],
  ['strip_suffix', ['.json'], 'a.json', 'a'],
  ['strip_suffix', ['.json'], '.jso', '.jso'],
  ['add_prefix', ['u-'], '1', 'u-1'],
  ['replace', ['a', '$&'], 'aba', '$&b$&'],
  ['replace', ['.', ''], '1.2.3', '123'],
  ['before', ['/'], 'a/b/c', 'a'],
  ['before', ['/', 'last'], 'a/b/c', 'a/b'],
  ['before', ['/'], 'abc', 'abc'],
  ['after', ['/'], 'a/b/c', 'b/c'],
  ['after', ['/', 'last'], 'a/b/c', 'c'],
  ['after', ['/'], 'abc', undefined],
  ['split', [','], 'a,b,,', ['a', 'b', '', '']],
  ['split', [','], '', []],
  ['each', ['int'], ['1', '2', null], [n('1'), n('2'), null]],
  ['each', ['int'], ['1', 'x'], reject('NOT_AN_INTEGER')],
  ['each', ['before', '@'], ['a@b', 'c'], ['a', 'c']],
  ['each', ['int'], 'no list', reject('TYPE_MISMATCH')],
  ['join', ['-'], ['a', 'b'], 'a-b'],
  ['join', ['-'], ['a', n('1')], reject('TYPE_MISMATCH')],
  ['list', [], 'React,Vite', ['React', 'Vite']],
  ['list', [], '["React","C, C++"]', ['React', 'C, C++']],
  ['list', [], '', []],
  ['list', [';'], 'a,b;c', ['a,b', 'c']],
  ['list', [], '[1', reject('INVALID_JSON')],
  ['list', [], ['a'], ['a']],

  ['int', [], '9007199254740993', n('9007199254740993')],
  ['int', [], '-5', n('-5')],
  ['int', [], '0', n('0')],
  ...['+5', '007', ' 5', '5\n', '-0', '\t0 '].map(
    (it): Case => ['int', [], it, reject('NON_CANONICAL_NUMBER')],
  ),
  ...[
    '',
    ' ',
    '5.0',
    '1e3',
    '0x10',
    '1,000',
    'true',
    'null',
    '-',
    '٣',
    '\u00a05',
    'NaN',
    '12abc',
    '1_000',
  ].map((it): Case => ['int', [], it, reject('NOT_AN_INTEGER')]),
  ['int', [], n('5.0'), n('5')],
  ['int', [], n('1e3'), n('1000')],
  ['int', [], n('-0.0'), n('0')],
  ['int', [], n('5.5'), reject('NOT_AN_INTEGER')],
  ['int', [], n('1e999999999'), reject('NUMERIC_OVERFLOW')],
  ['int', [], true, reject('TYPE_MISMATCH')],

  ['decimal', [], '1.10', n('1.10')],
  ['decimal', [], '-1.5e2', n('-150')],
  ['decimal', [], '1e400', n(`1${'0'.repeat(400)}`)],
  ...['5.', '.5', '+1', '01', ' 1', '1 ', '+1e3'].map(
    (it): Case => ['decimal', [], it, reject('NON_CANONICAL_NUMBER')],
  ),
  ...['', 'abc', '1,5', '1 000', '0x1p3', '1.2.3', '--1'].map(
    (it): Case => ['decimal', [], it, reject('NOT_A_NUMBER')],
  ),
  ...['NaN', 'nan', '-Infinity', 'inf', ' Infinity '].map(
    (it): Case => ['decimal', [], it, reject('NON_FINITE')],
  ),
  ['decimal', [], '1e-16384', reject('NUMERIC_OVERFLOW')],
  ['decimal', [], '1e999999999', reject('NUMERIC_OVERFLOW')],
  ['float', [], '0.10000000000000001', n('0.10000000000000001')],
  ['float', [], '-0', n('-0')],
  ['float', [], 'inf', reject('NON_FINITE')],
  ['float', [], '0x1p3', reject('NOT_A_NUMBER')],
  ['abs', [], n('-1.50'), n('1.50')],
  ['negate', [], n('1.50'), n('-1.50')],
  ['negate', [], n('0'), n('0')],
  ['negate', [], '5', reject('TYPE_MISMATCH')],
  ['scale', [number('2')], n('12345'), n('123.45')],
  ['scale', [number('-3')], n('1.5'), n('1500')],
  ['divide', [number('4096')], n('7238172385026048'), n('1767131929938')],
  ['divide', [number('3')], n('1'), reject('LOSSY_ROUNDING')],
  ['multiply', [number('0.01')], n('5'), n('0.05')],
  ['text', [], n('1.10'), '1.10'],
  ['text', [], false, 'false'],
  ['text', [], at('2026-01-08T10:00:00Z'), '2026-01-08T10:00:00.000Z'],
  ['text', [], day('2026-01-08'), '2026-01-08'],
  ['text', [], ['a'], reject('TYPE_MISMATCH')],

  ['bool', [], 'true', true],
  ['bool', [], 'false', false],
  ['bool', [], true, true],
  ...['TRUE', 'f', 'on', 'y', '1', '', ' true'].map((it): Case => ['bool', [], it, reject('NOT_A_BOOLEAN')]),
  ['bool', [number('1'), number('0')], '1', true],
  ['bool', [number('1'), number('0')], n('0'), false],
  [
    'bool',
    [
      ['yes', 'y'],
      ['no', ''],
    ],
    '',
    false,
  ],
  [
    'bool',
    [
      ['yes', 'y'],
      ['no', ''],
    ],
    'true',
    reject('NOT_A_BOOLEAN'),
  ],
  ['present', [], undefined, false],
  ['present', [], null, false],
  ['present', [], '', true],
  ['length', [], 'a😀é', n('3')],
  ['length', [], Buffer.from('é'), n('2')],
  ['length', [], [1, 2].map(String), n('2')],

  ['default', ['x'], undefined, 'x'],
  ['default', ['x'], null, 'x'],
  ['default', ['x'], '', ''],
  ['default', [number('0')], false, false],
  ['default', [[]], undefined, []],
  ['null_if', ['null'], 'null', null],
  ['null_if', ['null'], 'null pointer', 'null pointer'],
  ['null_if', [['', 'none']], 'none', null],
  ['null_if', [number('0')], n('0.0'), null],
  ['null_if', [number('0')], n('1e999999999'), n('1e999999999')],
  ['null_if', [number('0')], '0', '0'],
  ['map', [MAP], 'A', 'active'],
  ['map', [MAP], 'X', n('2')],
  ['map', [MAP], 'a', reject('NOT_IN_ENUM')],
  ['map', [MAP], '__proto__', reject('NOT_IN_ENUM')],
  ['map', [MAP, 'other'], 'B', 'other'],
  ['json', [], '{"a":[1.0]}', new Map([['a', [n('1.0')]]])],
  ['json', [], 'a', reject('INVALID_JSON')],
  ['vector', [], '[0.1,-2]', [n('0.1'), n('-2')]],
  ['vector', [], [n('1'), 'x'], reject('TYPE_MISMATCH')],

  ['base64', [], 'AP8=', Buffer.from([0, 255])],
  ['base64', [], '', Buffer.alloc(0)],
  ...['AP8', 'AP9=', 'AP_=', 'A===', 'AP8=\n'].map(
    (it): Case => ['base64', [], it, reject('CODEC_MISMATCH')],
  ),
  ['hex', [], '00fF', Buffer.from([0, 255])],
  ...['0', '0g', '\\x00'].map((it): Case => ['hex', [], it, reject('CODEC_MISMATCH')]),
  ['sha256', [], 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['uuid5', ['dns'], 'www.example.com', '2ed6657d-e927-568b-95e1-2665a8aea6a2'],

  ['epoch_ms', [], n('1767866400000'), at('2026-01-08T10:00:00Z')],
  ['epoch_ms', [], '1767866400000', at('2026-01-08T10:00:00Z')],
  ['epoch_ms', [], n('1767866400123.456'), at('2026-01-08T10:00:00.123Z', 456)],
  ['epoch_ms', [], n('1.7678664e12'), at('2026-01-08T10:00:00Z')],
  ['epoch_ms', [], n('1767866400123.4567'), reject('LOSSY_PRECISION')],
  ['epoch_s', [], n('1767866400'), at('2026-01-08T10:00:00Z')],
  ['epoch_us', [], n('1767866400000001'), at('2026-01-08T10:00:00Z', 1)],
  ['epoch_us', [], n('1767866400000001.5'), reject('LOSSY_PRECISION')],
  ['epoch_ms', [], n('1767866400'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_ms', [], n('1767866400000000'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_s', [], n('-1'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_s', [], n('0'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_s', [number('1900'), number('2200')], n('-1'), at('1969-12-31T23:59:59Z')],
  ['epoch_s', [], n('1e999999999'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_s', [], n('1e-999999999'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_s', [], n('946684800'), at('2000-01-01T00:00:00Z')],
  ['epoch_s', [], n('4133980799'), at('2100-12-31T23:59:59Z')],
  ['epoch_s', [], n('4133980800'), reject('TIMESTAMP_IMPLAUSIBLE')],
  ['epoch_ms', [], '2026-01-08T10:00:00Z', reject('TYPE_MISMATCH')],
  ['epoch_ms', [], 'soon', reject('NOT_A_TIMESTAMP')],
  ['epoch_ms', [], '', reject('NOT_A_TIMESTAMP')],
  ['epoch_ms', [], '01767866400000', reject('NON_CANONICAL_NUMBER')],
  ['epoch_ms', [], ' 1767866400000', reject('NON_CANONICAL_NUMBER')],
  ['epoch_ms', [], true, reject('TYPE_MISMATCH')],
  ['moment', [], n('1767866400000'), at('2026-01-08T10:00:00Z')],
  ['moment', [], '1767866400', at('2026-01-08T10:00:00Z')],
  ['moment', [], '2026-01-08T10:00:00Z', at('2026-01-08T10:00:00Z')],
  ['moment', [], '2026-01-08T10:00:00', reject('TIMEZONE_MISSING')],
  ['moment', [], 'soon', reject('NOT_A_TIMESTAMP')],
  ['moment', [], true, reject('TYPE_MISMATCH')],
  ['floor', [], n('7238556319744004.9'), n('7238556319744004')],
  ['floor', [], n('1e3'), n('1000')],
  ['floor', [], n('-1.1'), n('-2')],
  ['floor', [], n('-2.0'), n('-2')],
  ['floor', [], n('-0.5'), n('-1')],
  ['floor', [], n('-0'), n('0')],
  ['floor', [], '1.5', reject('TYPE_MISMATCH')],
  ['only', ['text'], 'a', 'a'],
  ['only', ['text'], n('1'), undefined],
  ['only', [['list', 'object']], ['a'], ['a']],
  ['only', [['list', 'object']], false, undefined],
  [
    'without_nulls',
    [],
    new Map([
      ['a', null],
      ['b', ''],
    ]),
    new Map([['b', '']]),
  ],
  ['without_nulls', [], new Map([['a', null]]), undefined],
  ['without_nulls', [], [null], reject('TYPE_MISMATCH')],
  ['at', ['a.b[1]'], new Map([['a', new Map([['b', ['x', 'y']]])]]), 'y'],
  ['at', ["['odd name']"], new Map([['odd name', 'x']]), 'x'],
  ['at', ['a.b'], new Map([['c', 'x']]), undefined],
  ['at', ['a.b'], new Map([['a', 'x']]), reject('TYPE_MISMATCH')],
  ['json', ['until object'], JSON.stringify(JSON.stringify(['a'])), ['a']],
  ['json', ['until object'], '["a"]', ['a']],
  ['json', ['until object'], JSON.stringify('plain'), reject('INVALID_JSON')],
  ['epoch', [], n('1767866400000'), at('2026-01-08T10:00:00Z')],
  ['epoch', [], '1767866400', at('2026-01-08T10:00:00Z')],
  ['epoch', [], n('99999999999'), reject('TIMESTAMP_IMPLAUSIBLE')],

  ['iso', [], '2026-01-08T10:00:00.123456Z', at('2026-01-08T10:00:00.123Z', 456)],
  ['iso', [], '2026-01-08 10:00+02', at('2026-01-08T08:00:00Z')],
  ['iso', [], '2026-01-08T10:00:00+0530', at('2026-01-08T04:30:00Z')],
  ['iso', [], '2026-01-08T10:00:00+15:59', at('2026-01-07T18:01:00Z')],
  ['iso', [], '2024-02-29T00:00:00-00:00', at('2024-02-29T00:00:00Z')],
  ['iso', [], '+010000-01-01T00:00:00.000Z', at('+010000-01-01T00:00:00Z')],
  ['iso', [], '0001-01-01T00:00:00Z', at('0001-01-01T00:00:00Z')],
  ['iso', [], '2026-01-08T10:00:00.1234560Z', at('2026-01-08T10:00:00.123Z', 456)],
  ['iso', [], '2026-01-08T10:00:00.1234567Z', reject('LOSSY_PRECISION')],
  ['iso', [], '2026-01-08T10:00:00', reject('TIMEZONE_MISSING')],
  ['iso', [], '2026-01-08', reject('TIMEZONE_MISSING')],
  ...[
    '01/08/2026',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-08T24:00:00Z',
    '2026-01-08T23:59:60Z',
    '2026-01-08T10:00:00+16:00',
    'now',
    'epoch',
    'infinity',
    '',
    '2026-01-08 10:00 IST',
    'Thu Jan 08 2026 10:00:00 GMT+0000',
    '0NaN-NaN-NaNTNaN:NaN:NaN.NaN+NaN:NaN',
    '20260108T100000Z',
    '1767866400000',
    ' 2026-01-08T10:00:00Z',
  ].map((it): Case => ['iso', [], it, reject('NOT_A_TIMESTAMP')]),
  ['iso', ['UTC'], '2026-01-08T10:00:00', at('2026-01-08T10:00:00Z')],
  ['iso', ['UTC'], '2026-01-08', at('2026-01-08T00:00:00Z')],
  ['iso', ['UTC'], '2026-01-08T10:00:00+01:00', at('2026-01-08T09:00:00Z')],
  ['iso', ['-05:30'], '2026-01-08T10:00:00', at('2026-01-08T15:30:00Z')],
  ['iso', ['Europe/Vienna'], '2026-01-08T10:00:00.000001', at('2026-01-08T09:00:00Z', 1)],
  ['iso', ['Europe/Vienna'], '2026-07-08T10:00:00', at('2026-07-08T08:00:00Z')],
  ['iso', ['Europe/Vienna'], '2026-03-29T01:59:59', at('2026-03-29T00:59:59Z')],
  ['iso', ['Europe/Vienna'], '2026-03-29T02:30:00', reject('NOT_A_TIMESTAMP')],
  ['iso', ['Europe/Vienna'], '2026-03-29T03:00:00', at('2026-03-29T01:00:00Z')],
  ['iso', ['Europe/Vienna'], '2026-10-25T02:30:00', reject('TIMEZONE_MISSING')],
  ['iso', ['Pacific/Apia'], '2011-12-30T12:00:00', reject('NOT_A_TIMESTAMP')],
  ['date', [], '2026-01-08', day('2026-01-08')],
  ['date', [], '2026-01-08T00:00:00Z', reject('LOSSY_PRECISION')],
  ...['01/08/2026', 'today', '2026-02-30', '2026-1-8', ''].map(
    (it): Case => ['date', [], it, reject('NOT_A_DATE')],
  ),
]

test.each(CASES.map((it) => [inspect(it, { breakLength: 200 }).slice(0, 150), ...it] as const))(
  '%s',
  (_, name, args, input, output) => {
    expect(outcome(() => transform(name, ...args).forward(input))).toStrictEqual(output)
  },
)

test.each([
  ['strip_prefix', []],
  ['strip_prefix', ['']],
  ['add_prefix', [number('1')]],
  ['replace', ['a']],
  ['before', ['/', 'middle']],
  ['split', ['']],
  ['scale', ['2']],
  ['scale', [number('1.5')]],
  ['divide', [number('0.0')]],
  ['multiply', [number('0')]],
  ['bool', ['1', '1']],
  ['bool', [[], 'no']],
  ['bool', [null, 'no']],
  ['default', []],
  ['null_if', []],
  ['null_if', [[]]],
  ['map', ['A']],
  ['map', [new Map()]],
  ['uuid5', ['my-app']],
  ['each', []],
  ['each', ['no_such']],
  ['each', ['each', 'int']],
  ['each', ['js']],
  ['each', ['before']],
  ['each', ['int', 'more']],
  ['iso', ['Europe/Atlantis']],
  ['iso', [number('2')]],
  ['epoch_s', [number('2100'), number('2000')]],
  ['epoch_s', [number('1e9')]],
] as const)('%s refuses the arguments %j', (name, args) => {
  expect(() => transform(name, ...(args as readonly Literal[]))).toThrow(ArgumentError)
})

describe('every transform', () => {
  const sampleArguments: Readonly<Record<string, readonly Literal[]>> = {
    add_prefix: ['a'],
    after: ['/'],
    at: ['a'],
    before: ['/'],
    default: ['x'],
    divide: [number('4')],
    each: ['base64'],
    join: [','],
    js: [
      'x.js',
      new Map([
        ['in', 'text'],
        ['out', 'text'],
      ]),
      'export default (it) => it',
    ],
    map: [MAP],
    multiply: [number('4')],
    null_if: ['x'],
    only: ['text'],
    replace: ['a', 'b'],
    scale: [number('2')],
    split: [','],
    strip_prefix: ['a'],
    strip_suffix: ['a'],
    uuid5: ['dns'],
  }

  test.each(TRANSFORMS.map((it) => [it.name, it] as const))(
    '%s is listed under its name, once, with a sentence',
    (name, it) => {
      expect(TRANSFORMS.filter((other) => other.name === name)).toEqual([it])
      expect(it.summary).toMatch(/^[A-Z].*[.`]$/)
    },
  )

  test.each(TRANSFORMS.map((it) => [it.name, it] as const))(
    '%s has a way back, or says why not',
    (name, it) => {
      const compiled = it.create(sampleArguments[name] ?? [])
      expect(compiled.inverse === undefined).toBe(it.oneWay !== undefined)
    },
  )

  test.each(TRANSFORMS.filter((it) => !it.takesAbsent).map((it) => [it.name, it] as const))(
    '%s lets missing and null pass, both ways',
    (name, it) => {
      const compiled = it.create(sampleArguments[name] ?? [])
      expect([compiled.forward(undefined), compiled.forward(null)]).toEqual([undefined, null])
      if (compiled.inverse && name !== 'null_if') {
        expect([compiled.inverse(undefined), compiled.inverse(null)]).toEqual([undefined, null])
      }
    },
  )

  test.each(TRANSFORMS.map((it) => [it.name, it] as const))(
    '%s never shows the value in its rejects',
    (name, it) => {
      const compiled = it.create(sampleArguments[name] ?? [])
      for (const value of ['c4n4ry', ['c4n4ry'], new Map([['c4n4ry', 'c4n4ry']]), n('-1.5e-7'), true]) {
        try {
          compiled.forward(value)
        } catch (error) {
          expect((error as Error).message).not.toMatch(/c4n4ry|1\.5/)
        }
      }
    },
  )
})
