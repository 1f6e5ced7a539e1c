import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readJson } from '../../src/json/read-json.ts'
import { writeJson } from '../../src/json/write-json.ts'
import { Decimal, RejectError, type Value } from '../../src/value.ts'

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    if (error instanceof RejectError) return error.code
    throw error
  }
  return 'accepted'
}

describe('readJson', () => {
  test.each([
    ['1.10', new Decimal('1.10')],
    ['-0', new Decimal('-0')],
    ['1e400', new Decimal('1e400')],
    ['12345678901234567890', new Decimal('12345678901234567890')],
    [' \r\n\t"x" ', 'x'],
    ['"\\u0041\\n\\ud83d\\ude00"', 'A\n😀'],
    ['""', ''],
    ['null', null],
    ['[true,false,null]', [true, false, null]],
    ['[]', []],
    ['{}', new Map()],
    ['[[],{}]', [[], new Map()]],
    ['{"":{"a":[1]}}', new Map([['', new Map([['a', [new Decimal('1')]]])]])],
    ['"\u2028\u007f"', '\u2028\u007f'],
  ])('reads %s without loss', (text, value) => {
    expect(readJson(text)).toStrictEqual(value)
    expect(readJson(Buffer.from(text))).toStrictEqual(value)
  })

  test('keeps __proto__ and constructor as keys like any other', () => {
    const value = readJson('{"__proto__":1,"constructor":2}') as Map<string, Value>
    expect([...value.keys()]).toEqual(['__proto__', 'constructor'])
  })

  test.each([
    ['', 'INVALID_JSON'],
    [' ', 'INVALID_JSON'],
    ['nul', 'INVALID_JSON'],
    ['nullx', 'INVALID_JSON'],
    ['NaN', 'INVALID_JSON'],
    ['-', 'INVALID_JSON'],
    ['+1', 'INVALID_JSON'],
    ['01', 'INVALID_JSON'],
    ['5.', 'INVALID_JSON'],
    ['.5', 'INVALID_JSON'],
    ['1e', 'INVALID_JSON'],
    ['0x10', 'INVALID_JSON'],
    ['[1,]', 'INVALID_JSON'],
    ['[1', 'INVALID_JSON'],
    ['[1}', 'INVALID_JSON'],
    [']', 'INVALID_JSON'],
    ['{"a":1,}', 'INVALID_JSON'],
    ['{"a" 1}', 'INVALID_JSON'],
    ['{a:1}', 'INVALID_JSON'],
    ["{'a':1}", 'INVALID_JSON'],
    ['{"a":1}{"b":2}', 'INVALID_JSON'],
    ['"a\nb"', 'INVALID_JSON'],
    ['"a\u0000b"', 'INVALID_JSON'],
    ['"abc', 'INVALID_JSON'],
    ['"abc\\"', 'INVALID_JSON'],
    ['"\\x41"', 'INVALID_JSON'],
    ['"\\u12g4"', 'INVALID_JSON'],
    ['\ufeff{"a":1}', 'INVALID_JSON'],
    ['\u00a01', 'INVALID_JSON'],
    ['"\\ud800"', 'LONE_SURROGATE'],
    ['{"\\udc00":1}', 'LONE_SURROGATE'],
    ['"\\u0000"', 'NUL_IN_JSON'],
    ['{"\\u0000":1}', 'NUL_IN_JSON'],
    ['{"a":1,"a":2}', 'DUPLICATE_JSON_KEY'],
    ['{"a":1,"\\u0061":2}', 'DUPLICATE_JSON_KEY'],
    ['[{"x":{"a":1,"b":1,"a":1}}]', 'DUPLICATE_JSON_KEY'],
  ])('answers %j with %s', (text, code) => {
    expect(codeOf(() => readJson(text))).toBe(code)
    expect(codeOf(() => readJson(Buffer.from(text)))).toBe(code)
  })

  test.each([
    ['['.repeat(100_000), 'JSON_TOO_DEEP'],
    ['['.repeat(1001) + ']'.repeat(1001), 'JSON_TOO_DEEP'],
    [`[${'['.repeat(1000)}1${']'.repeat(1000)},[]]`, 'JSON_TOO_DEEP'],
    [`${'{"a":'.repeat(1001)}1${'}'.repeat(1001)}`, 'JSON_TOO_DEEP'],
    ['['.repeat(1000) + ']'.repeat(1000), 'accepted'],
    [`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`, 'accepted'],
    [`[${'[[]],'.repeat(2000)}1]`, 'accepted'],
  ])('goes 1000 levels deep and no further (%#)', (text, code) => {
    expect(codeOf(() => readJson(text))).toBe(code)
  })

  test.each(['22c3', '22e28222', '22c0af22', '22eda08022', 'ff'])(
    'refuses bytes that are not UTF-8: %s',
    (hex) => {
      expect(codeOf(() => readJson(Buffer.from(hex, 'hex')))).toBe('INVALID_UTF8')
    },
  )

  test('replaces what Postgres cannot hold where it is told to', () => {
    expect(readJson('"a\\u0000b\\ud800c"', { text: 'replace' })).toBe('ab\ufffdc')
    expect(readJson(Buffer.from('2261ff22', 'hex'), { text: 'replace' })).toBe('a\ufffd')
  })

  test('never quotes the value in its message', () => {
    expect(() => readJson('{"secret": canary}')).toThrow(/^(?!.*(canary|secret))/)
  })

  test('accepts what JSON.parse accepts, and refuses what it refuses', () => {
    const text = fc.oneof(
      fc.json(),
      fc.json().chain((json) => fc.nat(json.length).map((at) => `${json.slice(0, at)}${json.slice(at + 1)}`)),
      fc.string({ unit: fc.constantFrom(...'[]{}",:\\ \nu0019.-eE+truefalsn'), maxLength: 12 }),
    )
    fc.assert(
      fc.property(text, (input) => {
        let expected: unknown
        try {
          expected = JSON.parse(input)
        } catch {
          expect(codeOf(() => readJson(input))).toBe('INVALID_JSON')
          return
        }
        const code = codeOf(() => readJson(input))
        if (code !== 'accepted')
          expect(['DUPLICATE_JSON_KEY', 'LONE_SURROGATE', 'NUL_IN_JSON']).toContain(code)
        else expect(JSON.parse(writeJson(readJson(input)))).toEqual(expected)
      }),
      { numRuns: 5000 },
    )
  })
})
