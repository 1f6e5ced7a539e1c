import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Expression,
  parseDecodeStep,
  parseEach,
  parseExpression,
  showExpression,
} from '../../src/plan/expression.ts'
import { type ExpressionScope, kindOf, type RecordShape } from '../../src/plan/expression-kind.ts'
import type { ValueKind } from '../../src/value.ts'
import { catalog } from './catalog.ts'

function parse(source: string): Expression {
  const { expression, problems } = parseExpression(source)
  expect(problems).toEqual([])
  return expression!
}

test('reads a pipeline with positions', () => {
  expect(parse("from ?? sender | strip_prefix('@') | lower")).toEqual({
    kind: 'pipe',
    transform: 'lower',
    arguments: [],
    span: { start: 37, end: 42 },
    input: {
      kind: 'pipe',
      transform: 'strip_prefix',
      span: { start: 17, end: 29 },
      arguments: [{ kind: 'data', value: '@', span: { start: 30, end: 33 } }],
      input: {
        kind: 'coalesce',
        span: { start: 0, end: 14 },
        options: [
          { kind: 'path', path: ['from'], span: { start: 0, end: 4 } },
          { kind: 'path', path: ['sender'], span: { start: 8, end: 14 } },
        ],
      },
    },
  })
})

test.each([
  ['from', 'from'],
  ['profile.links[0].url', 'profile.links[0].url'],
  ["profile['odd name'][2]", "profile['odd name'][2]"],
  ['["odd name"].x', "['odd name'].x"],
  ['user-agent', 'user-agent'],
  ['games.2048', 'games.2048'],
  ['größe', 'größe'],
  ['$key', '$key'],
  ['$item.a[0]', '$item.a[0]'],
  ['null', 'null'],
  ['-1.50e3', '-1.50e3'],
  ['12345678901234567890', '12345678901234567890'],
  ['const(session)', "const('session')"],
  ['const( "it\'s" )', "const('it\\'s')"],
  ['const([])', 'const([])'],
  ['rest()', 'rest()'],
  ['a|lower|trim()', 'a | lower | trim'],
  ['a ?? b ?? null', 'a ?? b ?? null'],
  ['(a | lower) ?? b | trim', '(a | lower) ?? b | trim'],
  ['((a))', 'a'],
  ["a | default([1, 'x', {k: null}])", "a | default([1, 'x', {'k': null}])"],
  ["a | one_of({1: 'x', b: true, 'c d': -2})", "a | one_of({'1': 'x', 'b': true, 'c d': -2})"],
  ["a | replace('\\n\\u00e4\\\\', '')", "a | replace('\\nä\\\\', '')"],
  ['a | one_of({active: active, off: false})', "a | one_of({'active': 'active', 'off': false})"],
  ['a | default([none, null])', "a | default(['none', null])"],
  ["get('user:email:{email}')", "get('user:email:{email}')"],
  ["score('user:chat:{user}', $key)", "score('user:chat:{user}', $key)"],
  ['truely', 'truely'],
  ['true.x', "['true'].x"],
])('reads %s', (source, shown) => {
  expect(showExpression(parse(source))).toBe(shown)
  expect(showExpression(parse(shown))).toBe(shown)
})

test.each([
  ['', 0, 'may not be empty'],
  ['  ', 0, 'may not be empty'],
  ['from |', 6, 'Expected a transform, such as lower, but the expression ends'],
  ['from lower', 5, 'Expected "|", "??" or the end, but "lower" came'],
  ['from || to', 5, 'no "||"'],
  ['a ?? | b', 5, 'but "|" came'],
  ["'text'", 0, 'Text alone'],
  ['(a', 2, 'the "("'],
  ['a)', 1, '")" came'],
  ["a | default('x", 12, 'not closed'],
  ["a | default('\\d')", 13, 'no escape "\\d"'],
  ["a | default('\\u0000')", 12, 'cannot store'],
  ["a | default('\\ud800')", 12, 'cannot store'],
  ['a | default([x y])', 15, 'a comma or "]"'],
  ['a | default([|])', 13, 'a value: text'],
  ['a | one_of({a: 1, a: 2})', 18, 'stands twice'],
  ['a.', 2, 'a field behind "."'],
  ['a .b', 2, '".b" came'],
  ['a[x]', 2, 'index such as 0'],
  ['007', 0, 'no number'],
  ['12px', 0, 'no number'],
  ['$', 0, 'has to follow'],
  ['a | lower | | trim', 12, 'a transform'],
  ['@from', 0, 'field of the record'],
  ['('.repeat(60), 51, 'too deeply'],
  [`a | default(${'['.repeat(60)}`, 61, 'too deeply'],
])('refuses %j', (source, offset, words) => {
  const { expression, problems } = parseExpression(source)
  expect(expression).toBeUndefined()
  expect(problems).toEqual([
    { code: 'KV030', offset, message: expect.stringContaining(words), ...hintOf(problems) },
  ])
})

const hintOf = (problems: readonly { hint?: string }[]) =>
  problems[0]?.hint ? { hint: expect.any(String) } : {}

const word = fc.constantFrom(
  'a',
  'from',
  'x-y',
  'größe',
  '$key',
  '$id',
  '$item.a[0]',
  'a.b[1]',
  "['odd name']",
)
const data = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    fc.constantFrom('null', 'true', '0', '-1.5', '1e400', "''"),
    fc.string().map((it) => `'${it.replace(/[\\']/g, '\\$&').replaceAll('\0', '')}'`),
    fc.array(tie('value'), { maxLength: 3 }).map((it) => `[${it.join(', ')}]`),
    fc
      .dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 })
      .map((it) => `{${Object.entries(it).map(([k, v]) => `${k}: ${v}`)}}`),
  ),
})).value
const source = fc.letrec<{ pipeline: string; primary: string }>((tie) => ({
  primary: fc.oneof(
    { weight: 4, arbitrary: word },
    data.map((it) => `const(${it})`),
    tie('pipeline').map((it) => `(${it})`),
  ),
  pipeline: fc
    .tuple(
      fc.array(tie('primary'), { minLength: 1, maxLength: 3 }),
      fc.array(
        fc.oneof(
          fc.constant('lower'),
          data.map((it) => `default(${it})`),
        ),
        { maxLength: 3 },
      ),
    )
    .map(([options, transforms]) => [options.join(' ?? '), ...transforms].join(' | ')),
})).pipeline

test('shows every expression as text that reads as the same expression', () => {
  fc.assert(
    fc.property(source, (text) => {
      const shown = showExpression(parse(text))
      expect(withoutSpans(parse(shown))).toEqual(withoutSpans(parse(text)))
    }),
  )
})

const withoutSpans = (value: unknown): unknown =>
  value instanceof Map
    ? [...value].map(([k, v]) => [k, withoutSpans(v)])
    : Array.isArray(value)
      ? value.map(withoutSpans)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value).flatMap(([k, v]) => (k === 'span' ? [] : [[k, withoutSpans(v)]])),
          )
        : value

test('answers any text with an expression or with a problem inside the text', () => {
  const characters = fc.constantFrom(
    ...'ab$.|?()[]{}\'"\\,:0-1 \n*ä😀',
    '??',
    ' | ',
    'const(',
    'null',
    '\ud800',
    '\0',
  )
  fc.assert(
    fc.property(
      fc.array(characters, { maxLength: 20 }).map((it) => it.join('')),
      (text) => {
        const { expression, problems } = parseExpression(text)
        expect(expression === undefined).toBe(problems.length > 0)
        for (const { offset } of problems) expect(offset).toBeLessThanOrEqual(text.length)
      },
    ),
    { numRuns: 2000 },
  )
})

test.each([
  ['profile.skills', ['profile', 'skills']],
  ['games.*', ['games', '*']],
  ['*', ['*']],
  ['*.tags', ['*', 'tags']],
  ['a[0].b[*]', ['a', 0, 'b', '*']],
  ["['odd name'].*", ['odd name', '*']],
])('reads the path %s of each', (source, path) => {
  expect(parseEach(source)).toEqual({ each: { kind: 'path', path, transforms: [] }, problems: [] })
})

test('reads transforms behind the path of each', () => {
  expect(parseEach("tech | trim | split(',')").each).toMatchObject({
    path: ['tech'],
    transforms: [
      { transform: 'trim', arguments: [], span: { start: 7, end: 11 } },
      { transform: 'split', arguments: [{ kind: 'data', value: ',' }], span: { start: 14, end: 19 } },
    ],
  })
})

test.each(['', 'a |', 'a..b', '$item', 'a b'])('refuses the path %j of each', (source) => {
  expect(parseEach(source).problems).toHaveLength(1)
})

test.each([
  ['json', 'json', []],
  ['json until object', 'json until object', []],
  ['unwrap(value)', 'unwrap', ['value']],
  ["unwrap('a b', x.y)", 'unwrap', ['a b', 'x.y']],
  ['gzip()', 'gzip', []],
])('reads the decoder %s', (source, name, args) => {
  expect(parseDecodeStep(source)).toEqual({ step: { name, arguments: args }, problems: [] })
})

test.each(['', 'unwrap(', 'unwrap(a', 'json |', '{json}'])('refuses the decoder %j', (source) => {
  expect(parseDecodeStep(source).problems).toHaveLength(1)
})

const scope = (record: RecordShape = 'any'): ExpressionScope => ({
  transforms: catalog.transforms,
  roots: new Map<string, ValueKind>([
    ['key', 'text'],
    ['expires_at', 'instant'],
    ['id', 'text'],
    ['n', 'number'],
    ['value', record === 'fields' ? 'object' : 'any'],
  ]),
  absentRoots: new Map([['field', 'It needs "each: field".']]),
  record,
})

test.each<[string, ValueKind]>([
  ['from', 'any'],
  ['$key', 'text'],
  ['$n', 'number'],
  ['$expires_at', 'instant'],
  ['null', 'null'],
  ['1', 'number'],
  ['const(x)', 'text'],
  ['const([])', 'array'],
  ['rest()', 'object'],
  ['from | lower', 'text'],
  ['created_at | epoch_ms', 'instant'],
  ['$n ?? null', 'number'],
  ['$n ?? $key', 'any'],
  ['$key | default(1)', 'text'],
  ['$value.a.b', 'any'],
])('knows that %s is of kind %s', (source, kind) => {
  expect(kindOf(parse(source), scope())).toEqual({ kind, problems: [] })
})

test.each([
  ['from | lowerr', 'any', 'KV014', 7, 'There is no transform "lowerr".', 'Did you mean "lower"?'],
  ['$n | lower', 'any', 'KV033', 5, 'lower takes text, and what comes before it is a number.', undefined],
  ['$expires_at | int', 'any', 'KV033', 14, 'int takes text or number', undefined],
  ['a | clip', 'any', 'KV032', 4, 'clip takes 1 argument, not 0.', 'It is written clip(length).'],
  ['a | lower(1)', 'any', 'KV032', 4, 'lower takes no arguments, not 1.', undefined],
  ['a | replace', 'any', 'KV032', 4, 'replace takes 1 to 2 arguments', 'replace(find, [by])'],
  ["a | clip('5')", 'any', 'KV032', 9, 'has to be a whole number, not text', undefined],
  ['a | clip(1.5)', 'any', 'KV032', 9, 'has to be a whole number', undefined],
  ['a | default(unknown)', 'any', 'KV032', 12, 'has to be a fixed value', "Text goes in quotes: 'unknown'."],
  [
    'a | default(now)',
    'any',
    'KV073',
    12,
    'cannot be given the time or chance',
    'No expression looks at the clock',
  ],
  ['a | default(now())', 'any', 'KV073', 12, 'cannot be given the time or chance', 'No expression looks'],
  ['now()', 'any', 'KV073', 0, 'no now()', 'No expression looks'],
  ['a ?? gen_random_uuid()', 'any', 'KV073', 5, 'no gen_random_uuid()', 'No expression looks'],
  ["get('a:{b')", 'any', 'KV032', 4, 'not closed', 'for a brace of the key itself'],
  ['lower(a)', 'any', 'KV035', 0, 'no function lower()', 'stands behind a "|"'],
  ['cons(a)', 'any', 'KV035', 0, 'no function cons()', 'Did you mean "const"?'],
  ['$idd', 'any', 'KV031', 0, 'no root or capture $idd', 'Did you mean "$id"?'],
  ['$field', 'any', 'KV031', 0, 'no $field here', 'It needs "each: field".'],
  ['$key.x', 'any', 'KV038', 0, '$key is text and has nothing inside', '$key | json'],
  ['from', 'text', 'KV038', 0, 'The record is text and has no field "from"', 'Say "decode: json"'],
  ['from', 'list', 'KV038', 0, 'The record is a list', 'Use "each"'],
  ['tech.x', 'fields', 'KV038', 0, 'nothing inside "tech"', 'tech | json'],
  ['rest()', 'text', 'KV038', 0, 'no fields', undefined],
  ['const(a, b)', 'any', 'KV032', 0, 'const() takes one value', 'const(session)'],
] as const)('says what is wrong with %s (record: %s)', (source, record, code, offset, words, hint) => {
  const { kind, problems } = kindOf(parse(source), scope(record))
  expect(kind).toBe('any')
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatchObject({ code, offset, message: expect.stringContaining(words) })
  if (hint) expect(problems[0]!.hint).toContain(hint)
  else expect(problems[0]!.hint).toBeUndefined()
})

test('tells every mistake of one expression, each once', () => {
  const { problems } = kindOf(parse('($nope | lowerr) ?? ($n | lower) | clip'), scope())
  expect(problems.map((it) => `${it.code}@${it.offset}`)).toEqual([
    'KV031@1',
    'KV014@9',
    'KV033@26',
    'KV032@35',
  ])
})
