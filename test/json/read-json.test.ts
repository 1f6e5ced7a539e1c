import { isUtf8 } from 'node:buffer'
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
          // Where several things are wrong, the first of them is told.
          expect(codeOf(() => readJson(input))).not.toBe('accepted')
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

describe('whatever the document', () => {
  /** A number as JSON writes it, in every form: far beyond what a double holds. */
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 40 })
  const numeral = fc
    .tuple(
      fc.constantFrom('', '-'),
      digits.map((it) => it.replace(/^0+(?=.)/, '')),
      fc.option(digits, { nil: undefined }),
      fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-', 'E-'), fc.nat(400)), { nil: undefined }),
    )
    .map(
      ([sign, whole, fraction, exponent]) =>
        `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent?.join('') ?? ''}`,
    )
  const text = fc.string({ unit: 'grapheme' }).filter((it) => !it.includes('\0'))
  /** Puts text somewhere into a document, a few levels deep. */
  const inside = fc
    .array(fc.constantFrom(['[1,', ']'], ['{"a":', '}'], ['[{"b":null,"c":', '}]'], ['[[', ',true]]']), {
      maxLength: 6,
    })
    .map(
      (levels) => (inner: string) =>
        levels.reduce((sum, [before, after]) => `${before}${sum}${after}`, inner),
    )

  test('a number is the text it was', () => {
    fc.assert(
      fc.property(numeral, (written) => {
        expect(readJson(`[${written}]`)).toEqual([new Decimal(written)])
      }),
    )
  })

  test('a key that comes twice is refused, however it is escaped and wherever it lies', () => {
    const escaped = (name: string): string =>
      `"${[...Array(name.length).keys()].map((at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
    fc.assert(
      fc.property(text, inside, fc.boolean(), (name, around, isEscaped) => {
        const again = isEscaped ? escaped(name) : JSON.stringify(name)
        expect(codeOf(() => readJson(around(`{${JSON.stringify(name)}:1,${again}:2}`)))).toBe(
          'DUPLICATE_JSON_KEY',
        )
        expect(
          codeOf(() => readJson(around(`{${JSON.stringify(name)}:1,${JSON.stringify(`${name}.`)}:2}`))),
        ).toBe('accepted')
      }),
    )
  })

  test('half a surrogate pair is refused, and the other half makes it whole', () => {
    const [high, low] = [fc.integer({ min: 0xd800, max: 0xdbff }), fc.integer({ min: 0xdc00, max: 0xdfff })]
    const hex = (code: number): string => `\\u${code.toString(16)}`
    fc.assert(
      fc.property(high, low, text, text, inside, (first, second, before, after, around) => {
        const [left, right] = [JSON.stringify(before).slice(1, -1), JSON.stringify(after).slice(1, -1)]
        const read = (middle: string) => codeOf(() => readJson(around(`"${left}${middle}${right}"`)))
        expect(read(hex(first))).toBe('LONE_SURROGATE')
        expect(read(hex(second))).toBe('LONE_SURROGATE')
        expect(read(hex(second) + hex(first))).toBe('LONE_SURROGATE')
        expect(read(hex(first) + hex(second))).toBe('accepted')
      }),
    )
  })

  test('what lies 1000 levels deep is read, and one more is refused', () => {
    const level = fc.constantFrom(['[', ']'] as const, ['{"a":', '}'] as const)
    fc.assert(
      fc.property(fc.array(level, { minLength: 1000, maxLength: 1000 }), level, (levels, [open, close]) => {
        const whole = levels.reduce((sum, [before, after]) => `${before}${sum}${after}`, '1')
        expect(codeOf(() => readJson(whole))).toBe('accepted')
        expect(codeOf(() => readJson(`${open}${whole}${close}`))).toBe('JSON_TOO_DEEP')
      }),
      { numRuns: 20 },
    )
  })

  test('bytes are read as text is, and refused where they are none', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme' }), fc.nat(), fc.nat(255), (written, place, byte) => {
        const bytes = Buffer.from(written)
        bytes[place % bytes.length] = byte
        const isText = isUtf8(bytes)
        const code = codeOf(() => readJson(bytes))
        if (isText) expect(code).toBe(codeOf(() => readJson(bytes.toString())))
        else expect(code).toBe('INVALID_UTF8')
      }),
      { numRuns: 2000 },
    )
  })
})
