import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileKeyPattern, isMatch } from '../../src/mapping/key-match.ts'
import { compileKeySpans, MOST_CAPTURES } from '../../src/mapping/key-spans.ts'
import { parseKeyPattern } from '../../src/plan/key-pattern.ts'
import { Decimal } from '../../src/value.ts'

const patternOf = (source: string) => parseKeyPattern(source, { file: '', line: 1, column: 1 }).pattern!

const PATTERNS = [
  'exact',
  'a:b',
  'user:{id}',
  'user:{id:int}',
  'user:{id:rest}',
  '{id}',
  '{id:rest}:end',
  'naïve:{id}',
  'u:{a}:{b}',
  'u:{a:int}:x:{b}:y',
  'u:{_}:{b:int}',
  'u:{a}:tail',
  'u:{a}.json',
  'u:{a:int}:{b:rest}',
]

// Pieces that patterns are made of, and what may stand in their captures.
const PIECES = [
  'user:',
  'u:',
  'a',
  ':',
  ':x:',
  ':y',
  ':tail',
  ':end',
  '.json',
  'naïve:',
  'exact',
  '0',
  '12',
  '-7',
  '-0',
  '007',
]
const MORE_PIECES = ['é', '\0', '\u{1f600}', '999999999999999', '1234567890123456', ' ', '{', '', 'a:b']

/** What the short way found, as the values that the long way gives. */
function foundBy(pattern: ReturnType<typeof patternOf>, key: Buffer): readonly unknown[] | undefined {
  const spans = new Int32Array(2 * MOST_CAPTURES)
  if (!compileKeySpans(pattern)?.find(key, spans)) return undefined
  const named = pattern.parts.filter((it) => it.kind === 'capture').filter((it) => it.name !== '_')
  return named.map(({ type }, at) => {
    const text = key.toString('latin1', spans[2 * at], spans[2 * at + 1])
    return type === 'int' ? new Decimal(text) : text
  })
}

describe.each(PATTERNS)('%s', (source) => {
  const pattern = patternOf(source)
  const long = compileKeyPattern(pattern)

  test('what the short way takes, the long way takes, with the same captures', () => {
    const key = fc
      .array(fc.constantFrom(...PIECES, ...MORE_PIECES), { maxLength: 6 })
      .map((it) => Buffer.from(it.join('')))
    fc.assert(
      fc.property(key, (it) => {
        const found = foundBy(pattern, it)
        if (found === undefined) return
        const match = long.match(it.toString('latin1'))
        expect(isMatch(match)).toBe(true)
        expect(match).toEqual(found)
      }),
      { numRuns: 3000, seed: 7 },
    )
  })

  test('usual keys go the short way', () => {
    const key = pattern.parts
      .map((it) => (it.kind === 'literal' ? it.text : it.type === 'int' ? '12' : 'ab'))
      .join('')
    expect(foundBy(pattern, Buffer.from(key))).toEqual(long.match(Buffer.from(key).toString('latin1')))
  })
})

test.each(['u:{a}-{b}', 'u:{a:rest}:{b}', 'u:{a:uuid}', 'u:{a:date}', 'u:{a:/[a-z]+/}'])(
  '%s has no short way',
  (source) => {
    expect(compileKeySpans(patternOf(source))).toBeUndefined()
  },
)

test.each([
  ['a byte that is not ASCII', Buffer.from('user:é')],
  ['NUL', Buffer.from('user:\0')],
  ['a colon', Buffer.from('user:a:b')],
  ['nothing', Buffer.from('user:')],
])('a capture with %s is left to the long way', (_, key) => {
  expect(foundBy(patternOf('user:{id}'), key)).toBeUndefined()
})
