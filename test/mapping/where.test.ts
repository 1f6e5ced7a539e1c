import { describe, expect, test } from 'vitest'
import { readJson } from '../../src/json/read-json.ts'
import { CelError } from '../../src/mapping/cel.ts'
import { RecordScope } from '../../src/mapping/record.ts'
import { compileWhere } from '../../src/mapping/where.ts'
import { CalendarDate, Decimal, RejectError, type Value } from '../../src/value.ts'

const scope = (value: Value, more: Partial<RecordScope> = {}): RecordScope =>
  Object.assign(new RecordScope(), { value }, more)

const ask = (cel: string, json: string, more?: Partial<RecordScope>): boolean | string => {
  try {
    return compileWhere(cel, ['id', 'day']).test(scope(readJson(json), more))
  } catch (error) {
    if (error instanceof RejectError) return error.code
    throw error
  }
}

test.each([
  ['has(r.from) && has(r.to)', '{"from":1,"to":2}', true],
  ['has(r.from) && has(r.to)', '{"from":1}', false],
  ['has(r.from)', '{"from":null}', true],
  ['r.from == null', '{"from":null}', true],
  ['r.n > 9007199254740992', '{"n":9007199254740993}', true],
  ['r.n == 9007199254740992', '{"n":9007199254740993}', false],
  ['r.n > 5', '{"n":5.5}', true],
  ['r.n == 5', '{"n":5.0}', true],
  ['r.n in [1, 5]', '{"n":5}', true],
  ['r.a.b[1] == "x"', '{"a":{"b":["y","x"]}}', true],
  ['r["a b"] == true', '{"a b":true}', true],
  ['r.tags.exists(it, it.startsWith("x"))', '{"tags":["a","xy"]}', true],
  ['size(r) == 2', '{"a":1,"b":2}', true],
  ['r.?a.orValue("none") == "none"', '{}', true],
  ['r == "x"', '"x"', true],
  ['value == "x"', '"x"', true],
  ['timestamp(r.at) >= timestamp("2025-01-01T00:00:00Z")', '{"at":"2025-06-01T00:00:00.000Z"}', true],
  ['!r.left.startsWith("-")', '{"left":"-1"}', false],
  ['r.from == "x"', '{}', 'TRANSFORM'],
  ['r.n > 5', '{"n":"6"}', 'TRANSFORM'],
  ['r.n', '{"n":1}', 'TRANSFORM'],
  ['r.n', '{"n":true}', true],
  ['r.x == 1', '5', 'TRANSFORM'],
  ['has(r.__proto__)', '{}', false],
  ['r.constructor == 1', '{}', 'TRANSFORM'],
])('%s of %s: %s', (cel, json, answer) => {
  expect(ask(cel, json)).toBe(answer)
})

test('knows captures, members, scores, names and what encloses the record', () => {
  const more = {
    captures: ['all', new CalendarDate(0)],
    field: Buffer.from('f'),
    score: 2.5,
    index: 3,
    name: 'n',
    message: '1-0',
    parent: new Map<string, Value>([['n', new Decimal('1')]]),
  }
  const cel =
    'key.id == "all" && key.day == "1970-01-01" && field == "f" && score > 2 && index == 3 && name == "n" && message == "1-0" && parent.n == 1 && item == "x" && member == "x"'
  expect(ask(cel, '"x"', more)).toBe(true)
})

test('says which fields it needs', () => {
  const fields = (cel: string) => compileWhere(cel, []).fields
  expect(fields('has(r.a) && r.b.c == r["d"].e')).toBe('all')
  expect(fields('has(r.a) && r.b.c == 1')).toEqual(new Set(['a', 'b']))
  expect(fields('key.id == "x"')).toEqual(new Set())
  expect(fields('size(r) > 1')).toBe('all')
  expect(fields('parent.a == 1')).toBe('all')
  expect(fields('[1].all(x, r.a == x)')).toEqual(new Set(['a']))
})

test.each(['has(', 'r.a = 1', 'now() > 5', 'x == 1', '1 + 1', '"text"', ''])('refuses %j', (cel) => {
  expect(() => compileWhere(cel, [])).toThrow(CelError)
})

describe('a regular expression', () => {
  test('is RE2, and finds anywhere', () => {
    expect(ask('r.a.matches("^x+$")', '{"a":"xxx"}')).toBe(true)
    expect(ask('r.a.matches("b")', '{"a":"abc"}')).toBe(true)
    expect(ask('r.a.matches("(?=a)")', '{"a":"abc"}')).toBe('TRANSFORM')
  })

  test.each([
    ['r.a.matches("(a+)+$")'],
    ['[r.a].exists(it, it.matches("(a+)+$"))'],
    ['has(r.a) ? r.a.matches("(a+)+$") : false'],
  ])('%s cannot be kept busy by a value', (cel) => {
    expect(ask(cel, JSON.stringify({ a: `${'a'.repeat(5000)}!` }))).toBe(false)
  })
})

test('never shows a value in its rejects', () => {
  for (const cel of ['r.a > 5', 'r.b == 1', 'int(r.a) == 1', 'r.a ? true : false']) {
    expect(() => compileWhere(cel, []).test(scope(readJson('{"a":"c4nary"}')))).toThrow(
      /^(?!.*c4nary).*record/,
    )
  }
})
