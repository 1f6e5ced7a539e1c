import { expect, test } from 'vitest'
import { covers, keyRegex, overlaps, sharedKey } from '../../src/plan/key-overlap.ts'
import {
  captureNames,
  exactKey,
  type KeyPattern,
  literalPrefix,
  parseKeyPattern,
} from '../../src/plan/key-pattern.ts'

const at = { file: 'plans/a.yaml', line: 1, column: 1 }

function pattern(source: string): KeyPattern {
  const { pattern, problems } = parseKeyPattern(source, at)
  expect(problems).toEqual([])
  return pattern!
}

const capture = (name: string, type = 'text', regex?: string) => ({
  kind: 'capture',
  name,
  type,
  ...(regex && { regex }),
})
const literal = (text: string) => ({ kind: 'literal', text })

test.each([
  ['vibe:messages', [literal('vibe:messages')]],
  ['user:{id}', [literal('user:'), capture('id')]],
  ['{id}', [capture('id')]],
  ['user:{id}:x', [literal('user:'), capture('id'), literal(':x')]],
  [
    'user:account:{provider}:{id}',
    [literal('user:account:'), capture('provider'), literal(':'), capture('id')],
  ],
  ['visits:{day:date}', [literal('visits:'), capture('day', 'date')]],
  ['ratelimit:{_:rest}', [literal('ratelimit:'), capture('_', 'rest')]],
  ['{_}:{_}', [capture('_'), literal(':'), capture('_')]],
  ['g:{id:/gb_[a-z0-9]{2,}/}', [literal('g:'), capture('id', 'regex', 'gb_[a-z0-9]{2,}')]],
  ['g:{id:/^a$/}', [literal('g:'), capture('id', 'regex', 'a')]],
  ['g:{id:/a\\$/}', [literal('g:'), capture('id', 'regex', 'a\\$')]],
  ['g:{id:/a/b/}', [literal('g:'), capture('id', 'regex', 'a/b')]],
  ['lock:{{{id}}}', [literal('lock:{'), capture('id'), literal('}')]],
  ['a?[b] 名\n', [literal('a?[b] 名\n')]],
])('reads %j', (source, parts) => {
  expect(pattern(source).parts).toEqual(parts)
})

test.each([
  ['', 'KV020', 0, 'empty'],
  ['user:{id', 'KV020', 5, 'not closed'],
  ['user:id}', 'KV020', 7, 'closes nothing'],
  ['user:{}', 'KV020', 5, 'no capture'],
  ['user:{a b}', 'KV020', 5, 'no capture'],
  ['user:{id:number}', 'KV020', 9, 'no capture type "number"'],
  ['user:{id:uid}', 'KV020', 9, 'no capture type "uid"'],
  ['user:{id}:{id}', 'KV025', 10, 'stands twice'],
  ['metrics:{name}', 'KV025', 9, '$name already means'],
  ['user:{a}{b}', 'KV022', 8, 'nothing between'],
  ['user:{id:/(/}', 'KV021', 10, 'missing closing )'],
  ['user:{id:/(a)\\1/}', 'KV021', 10, 'invalid escape'],
  ['user:{id:/(?=a)b/}', 'KV021', 10, 'Perl syntax'],
  ['user:{id://}', 'KV021', 10, 'empty'],
])('refuses %j', (source, code, offset, words) => {
  const { pattern, problems } = parseKeyPattern(source, at)
  expect(pattern).toBeUndefined()
  expect(problems).toEqual([
    expect.objectContaining({ code, offset, message: expect.stringContaining(words) }),
  ])
})

test('suggests the type that was meant, and RE2 for what only Perl has', () => {
  expect(parseKeyPattern('user:{id:uid}', at).problems[0]!.hint).toBe('Did you mean "uuid"?')
  expect(parseKeyPattern('user:{id:/(?=a)b/}', at).problems[0]!.hint).toMatch(/RE2 syntax/)
})

test('warns that a star is not a glob', () => {
  const { pattern, problems } = parseKeyPattern('user:*', at)
  expect(pattern).toBeDefined()
  expect(problems).toMatchObject([{ severity: 'warning', offset: 5 }])
})

test('knows the prefix, the one key and the captures of a pattern', () => {
  expect(literalPrefix(pattern('user:{id}:x'))).toBe('user:')
  expect(literalPrefix(pattern('{id}'))).toBe('')
  expect(exactKey(pattern('vibe:{{messages}}'))).toBe('vibe:{messages}')
  expect(exactKey(pattern('user:{id}'))).toBeUndefined()
  expect(captureNames(pattern('{a}:{_}:{b:int}'))).toEqual(['a', 'b'])
})

test.each([
  ['user:{id}', 'user:{name_}', 'yes'],
  ['user:{id}', 'user:{id}:{x}', 'no'],
  ['user:{id:rest}', 'user:{id}:{x}', 'yes'],
  ['user:{id}', 'account:{id}', 'no'],
  ['user:{id:uuid}', 'user:email:{_}', 'no'],
  ['user:{id:uuid}', 'user:{id:int}', 'no'],
  ['user:{id:int}', 'user:{id:date}', 'no'],
  ['user:{id:int}', 'user:{id}', 'yes'],
  ['user:account:{p}:{id}', 'user:account:by-user-id:{_}', 'yes'],
  ['user:account:{p}:{id}', 'user:account:by-user-id', 'no'],
  ['a', 'a', 'yes'],
  ['a', 'ab', 'no'],
  ['{id}', 'vibe:messages', 'no'],
  ['{id:rest}', 'vibe:messages', 'yes'],
  ['gigabrain:{id:/gb_[a-z0-9_]+/}', 'gigabrain:all', 'no'],
  ['gigabrain:{id:/gb_[a-z0-9_]+/}', 'gigabrain:user:{_:rest}', 'no'],
  ['gigabrain:{id:/gb_[a-z0-9_]+/}', 'gigabrain:{x}', 'yes'],
  ['k:{id:/[ab]{3}/}', 'k:{id:/[bc]{3}/}', 'yes'],
  ['k:{id:/[ab]{3}/}', 'k:{id:/[bc]{4}/}', 'no'],
  ['k:{id:/(?i)abc/}', 'k:ABC', 'maybe'],
  ['k:{id:/a\\b/}', 'k:a', 'maybe'],
  ['k:{id:/a\\b/}', 'x:a', 'no'],
  ['{a:rest}x', '{b:rest}y', 'no'],
  ['a:{x:rest}', '{y:rest}:b', 'yes'],
  ['k:{{{id}}}', 'k:{id}', 'yes'],
  ['emoji:😀{_}', 'emoji:{_:rest}', 'yes'],
])('tells whether %j and %j can share a key: %s', (a, b, answer) => {
  expect(overlaps(pattern(a), pattern(b))).toBe(answer)
  expect(overlaps(pattern(b), pattern(a))).toBe(answer)
})

test.each([
  ['user:{id}', 'user:{id:int}', 'user:0'],
  ['a:{x:rest}', '{y:rest}:b', 'a:b'],
  ['user:account:{p}:{id}', 'user:account:by-user-id:{_}', 'user:account:by-user-id:a'],
])('shows the shortest key that fits %j and %j', (a, b, key) => {
  expect(sharedKey(pattern(a), pattern(b))).toEqual({ answer: 'yes', key })
})

test.each([
  ['user:{_:rest}', 'user:{id}', true],
  ['user:{id}', 'user:{_:rest}', false],
  ['user:{id}', 'user:{id:int}', true],
  ['user:{id}', 'user:{id:uuid}', true],
  ['user:{id:int}', 'user:{id}', false],
  ['user:{id:int}', 'user:{id:/0\\d/}', false],
  ['user:{id}', 'user:{x}', true],
  ['user:{id}', 'user:1', true],
  ['user:{id}', 'user:1:2', false],
  ['{_:rest}', 'anything:{x}:{y:date}', true],
  ['{a}:{b}', 'user:{id}', true],
  ['{a:rest}:{b}', 'user:{id}:{x}', true],
  ['k:{a:/[a-z]+/}', 'k:{a:/[b-y]{2,5}/}', true],
  ['k:{a:/[b-y]{2,5}/}', 'k:{a:/[a-z]+/}', false],
  ['k:{a:/a\\b/}', 'k:a', false],
])('tells whether %j takes every key of %j: %s', (outer, inner, answer) => {
  expect(covers(pattern(outer), pattern(inner))).toBe(answer)
})

test('gives up on expressions that are too large rather than hang', () => {
  const a = pattern('k:{a:/(?:[ab]{1,60}c){1,15}/}')
  const b = pattern('k:{a:/(?:[bc]{1,50}a){1,15}x/}')
  expect(['no', 'maybe']).toContain(overlaps(a, b))
})

test('writes a pattern as one regular expression', () => {
  expect(keyRegex(pattern('a.b:{id}:{n:int}'))).toBe('a\\.b:[^:]+:(?:0|-?[1-9][0-9]*)')
})
