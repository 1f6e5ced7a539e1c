import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, test } from 'vitest'
import { compileKeyPattern } from '../../src/mapping/key-match.ts'
import { keyRegex } from '../../src/plan/key-overlap.ts'
import { type KeyPattern, parseKeyPattern } from '../../src/plan/key-pattern.ts'
import { CalendarDate, Decimal } from '../../src/value.ts'

function pattern(source: string): KeyPattern {
  const { pattern: found, problems } = parseKeyPattern(source, { file: 'test', line: 1, column: 1 })
  if (!found) throw new Error(problems.map((it) => it.message).join())
  return found
}

const match = (source: string, key: string | Buffer) =>
  compileKeyPattern(pattern(source)).match(
    (typeof key === 'string' ? Buffer.from(key) : key).toString('latin1'),
  )

const code = (found: ReturnType<typeof match>): unknown => (found && 'code' in found ? found.code : found)

test.each([
  ['vibe:messages', 'vibe:messages', []],
  ['vibe:messages', 'vibe:messages2', undefined],
  ['vibe:messages', 'vibe:message', undefined],
  ['user:{id}', 'user:1', ['1']],
  ['user:{id}', 'user:1:email', undefined],
  ['user:{id}', 'User:1', undefined],
  ['user:{id}', 'user:a/b c\n*?[x]😀é', ['a/b c\n*?[x]😀é']],
  ['user:{id}', 'user:', 'CAPTURE_TYPE'],
  ['user:{id:rest}', 'user:a:b:c', ['a:b:c']],
  ['user:{id:rest}', 'user:', 'CAPTURE_TYPE'],
  ['{id}', '123', ['123']],
  ['{id}', '', 'CAPTURE_TYPE'],
  ['{a}:{b}', 'x:y', ['x', 'y']],
  ['{a}:{b}', 'x:y:z', undefined],
  ['{a}:{b}', ':y', 'CAPTURE_TYPE'],
  ['{a}-{b}', 'x-y-z', ['x', 'y-z']],
  ['{a}-{b:int}', 'x-y-5', ['x-y', new Decimal('5')]],
  ['{_}:{b}', 'x:y', ['y']],
  ['a{x:rest}b', 'a-b-b', ['-b-']],
  ['{id}.json', 'a.json.json', ['a.json']],
  ['{x:rest}:{y}', 'a:b:c', ['a:b', 'c']],
  ['{x:rest}-{y}:c', 'a-b:x-s:c', ['a-b:x', 's']],
  ['{x:rest}::{y:rest}::z', 'a::b::c::z', ['a', 'b::c']],
  ['user:{id:int}', 'user:9223372036854775808', [new Decimal('9223372036854775808')]],
  ['user:{id:int}', 'user:-5', [new Decimal('-5')]],
  ['user:{id:int}', 'user:0', [new Decimal('0')]],
  ['user:{id:int}', 'user:007', 'CAPTURE_TYPE'],
  ['user:{id:int}', 'user:-0', 'CAPTURE_TYPE'],
  ['user:{id:int}', 'user:12abc', 'CAPTURE_TYPE'],
  ['user:{id:int}', 'user:1:2', undefined],
  ['u:{id:uuid}', 'u:A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11', ['A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ['u:{id:uuid}', 'u:a0eebc999c0b4ef8bb6d6bb9bd380a11', 'CAPTURE_TYPE'],
  ['v:{day:date}', 'v:2026-01-08', [new CalendarDate(20461)]],
  ['v:{day:date}', 'v:2026-02-30', 'CAPTURE_TYPE'],
  ['v:{day:date}', 'v:+010000-01-01', 'CAPTURE_TYPE'],
  ['{day:date}-{n:int}', '2026-01-08-7', [new CalendarDate(20461), new Decimal('7')]],
  ['g:{id:/gb_[a-z0-9]+/}', 'g:gb_a1', ['gb_a1']],
  ['g:{id:/gb_[a-z0-9]+/}', 'g:all', 'CAPTURE_TYPE'],
  ['g:{id:/gb_[a-z0-9]+/}', 'g:user:ann', undefined],
  ['g:{id:/[a-z]+:[a-z]+/}', 'g:user:ann', ['user:ann']],
  ['k:{a:/[a-z]+(-[a-z]+)?/}-{b:/[0-9]+/}', 'k:x-y-12', ['x-y', '12']],
  ['k:{{{id}}}', 'k:{1}', ['1']],
  ['😀:{id}', '😀:é', ['é']],
] as const)('%s and the key %j', (source, key, expected) => {
  expect(code(match(source, key))).toEqual(expected)
})

describe('bytes that are not UTF-8', () => {
  const key = Buffer.concat([Buffer.from('user:'), Buffer.from([0xff, 0xfe])])

  test('are a reject in a named capture', () => {
    expect(code(match('user:{id}', key))).toBe('INVALID_UTF8_KEY')
    expect(code(match('user:{id:rest}', key))).toBe('INVALID_UTF8_KEY')
  })

  test('are all the same to a capture without a name, unless it has a type', () => {
    expect(match('user:{_}', key)).toEqual([])
    expect(code(match('user:{_:int}', key))).toBe('INVALID_UTF8_KEY')
  })

  test('are never equal to literal text', () => {
    expect(match('user:\ufffd\ufffd', key)).toBeUndefined()
    expect(match('é', Buffer.from([0xe9]))).toBeUndefined()
  })
})

test('any bytes at all: literal text is compared byte by byte, and a capture is their text or says that they are none', () => {
  const bytes = fc.uint8Array({ maxLength: 12 }).map((it) => Buffer.from(it))
  const literal = fc.string({ unit: 'grapheme', maxLength: 4 }).filter((it) => !/[{}\0]/.test(it))
  fc.assert(
    fc.property(literal, bytes, bytes, fc.boolean(), (text, rest, other, isOurs) => {
      const key = Buffer.concat([isOurs ? Buffer.from(`${text}:`) : other, rest])
      const found = match(`${text}:{id:rest}`, key)
      const prefix = Buffer.from(`${text}:`)
      const tail = key.subarray(prefix.length)
      if (!key.subarray(0, prefix.length).equals(prefix)) expect(found).toBeUndefined()
      else if (tail.length === 0) expect(code(found)).toBe('CAPTURE_TYPE')
      else expect(code(found)).toEqual(isUtf8(tail) ? [tail.toString()] : 'INVALID_UTF8_KEY')
    }),
    { numRuns: 2000 },
  )
})

test('takes time in proportion to the key, whatever the key', () => {
  const compiled = compileKeyPattern(pattern('{a:rest}-{b:rest}-{c:rest}-{d}:end'))
  expect(compiled.match('-x'.repeat(20_000))).toBeUndefined()
})

describe('a key that is put together from its parts', () => {
  const literal = fc.string({
    unit: fc.constantFrom('a', 'b', ':', '-', 'é', '{', '*'),
    minLength: 1,
    maxLength: 3,
  })
  const capture = fc.constantFrom('{x}', '{x:rest}', '{x:int}', '{x:/[ab]+/}')
  const source = fc
    .array(fc.tuple(literal, capture), { minLength: 1, maxLength: 3 })
    .chain((parts) => fc.tuple(fc.constant(parts), fc.option(literal, { nil: '' })))
    .map(([parts, end]) => {
      const written = parts.map(
        ([text, it], index) => text.replace(/[{}]/g, '$&$&') + it.replace('x', `x${index}`),
      )
      return written.join('') + end.replace(/[{}]/g, '$&$&')
    })

  test('fits exactly where the language of the pattern says so, and its captures make it up again', () => {
    const fitting = { count: 0 }
    fc.assert(
      fc.property(
        source,
        fc.string({ unit: fc.constantFrom('a', 'b', ':', '-', 'é', '{', '*', '1'), maxLength: 9 }),
        (text, tail) => {
          const parsed = pattern(text)
          const first = parsed.parts[0]
          const key = first?.kind === 'literal' ? first.text + tail : tail
          const found = compileKeyPattern(parsed).match(Buffer.from(key).toString('latin1'))
          const fits = RE2JS.compile(keyRegex(parsed)).matches(key)
          if (!Array.isArray(found)) {
            // `-0` and `007` are no integers, though they look like some.
            expect(fits && !/{x\d:int}/.test(text)).toBe(false)
            return
          }
          fitting.count++
          expect(fits).toBe(true)
          const values = [...found]
          const again = parsed.parts.map((it) => {
            if (it.kind === 'literal') return it.text
            const value = values.shift()
            return value instanceof Decimal ? value.text : value
          })
          expect(again.join('')).toBe(key)
        },
      ),
      { numRuns: 20_000 },
    )
    expect(fitting.count).toBeGreaterThan(200)
  })
})
