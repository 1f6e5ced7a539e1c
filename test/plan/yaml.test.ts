import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readYaml, type YamlNode } from '../../src/plan/yaml.ts'

const read = (text: string) => readYaml('a.yaml', Buffer.from(text))

function root(text: string): YamlNode {
  const { root, diagnostics } = read(text)
  expect(diagnostics).toEqual([])
  return root!
}

const place = ({ line, column }: { line: number; column: number }) => `${line}:${column}`

test('knows where every key and value stands', () => {
  const node = root('a: 1\nb:\n  - x\n  - { c: y }\n')
  expect(node.entries.map((it) => [it.key, place(it.at), place(it.value.at)])).toEqual([
    ['a', '1:1', '1:4'],
    ['b', '2:1', '3:3'],
  ])
  const [x, map] = node.get('b')!.items
  expect(place(x!.at)).toBe('3:5')
  expect(place(map!.get('c')!.at)).toBe('4:10')
})

test('counts columns behind a byte order mark from 1', () => {
  expect(place(root('\ufeffa: 1\n').entries[0]!.at)).toBe('1:1')
})

test.each([
  ['plain', 'a: from | lowr\n', 'from | lowr', 7, '1:11'],
  ['plain, after wide characters', 'a: "x"\nb: 😀 | lowr\n', '😀 | lowr', 5, '2:9'],
  ['single quotes', "a: 'it''s | lowr'\n", "it's | lowr", 7, '1:13'],
  ['double quotes', 'a: "\\x41\\u0042\\n | lowr"\n', 'AB\n | lowr', 6, '1:20'],
  ['a wide escape', 'a: "\\U0001F600 | lowr"\n', '😀 | lowr', 5, '1:18'],
  ['plain over two lines', 'a: from\n  | lowr\n', 'from | lowr', 7, '2:5'],
  ['quotes over two lines', 'a: "from\n   | lowr"\n', 'from | lowr', 7, '2:6'],
  ['a literal block', 'a: |\n  from\n  | lowr\n', 'from\n| lowr\n', 7, '3:5'],
  ['a folded block', 'a: >-\n  from\n  | lowr\n', 'from | lowr', 7, '3:5'],
  ['a list item', '- [x, from | lowr]\n', 'from | lowr', 7, '1:14'],
])('finds a character inside %s', (_, text, value, offset, expected) => {
  const scalar = leaves(root(text)).find((it) => it.value === value)!
  expect(value.slice(offset, offset + 1)).toBe('l')
  expect(place(scalar.locate(offset))).toBe(expected)
})

const leaves = (node: YamlNode): readonly YamlNode[] =>
  node.kind === 'scalar' ? [node] : [...node.entries.map((it) => it.value), ...node.items].flatMap(leaves)

test('keeps numbers, booleans and null as they are written', () => {
  const node = root('a: 1.10\nb: 0755\nc: true\nd: null\ne:\nf: 123456789012345678901\n')
  expect(node.entries.map((it) => it.value.source)).toEqual([
    '1.10',
    '0755',
    'true',
    'null',
    '',
    '123456789012345678901',
  ])
  expect(node.get('f')!.value).toBe(123456789012345678901n)
})

test('knows that a comment cut a plain value off, and only then', () => {
  const node = root("a: x('\nb: x # y\nc: 'x # y' # z\nd: x#y\n")
  expect(node.entries.map((it) => it.value.cutByComment)).toEqual([false, true, false, false])
})

test.each([
  ['', '1:1 KV005'],
  ['# nothing\n', '1:1 KV005'],
  ['---\n', '1:1 KV005'],
  ['null\n', '1:1 KV005'],
  ['a: b: c\n', '1:4 KV001'],
  ["a: 'x' | lower\n", '1:8 KV001'],
  ['a: {id}:x\n', '1:8 KV001'],
  ['a: @x\n', '1:4 KV001'],
  ['a: %x\n', '1:4 KV001'],
  ['a: %x\nb: @y\n', '1:4 KV001', '2:4 KV001'],
  ['a: 1\na: 2\nb: 1\nb: 2\n', '2:1 KV002', '4:1 KV002'],
  ['a: *\n', '1:4 KV001'],
  // One mistake in { } makes the rest of the file unreadable, and is still one.
  ['a:\n  - { f: x | default([]) }\n  - { f: y }\nb:\n  c: 1\nd: 2\n', '2:22 KV001'],
  ['a: [1\n', '2:1 KV001'],
  ['a:\n\tb: 1\n', '2:1 KV001'],
  ['a: 1\nb: 2\na: 3\n', '3:1 KV002'],
  ['a: *x\n', '1:4 KV003'],
  ['a: &x 1\n', '1:7 KV003'],
  ['&x a: 1\n', '1:4 KV003'],
  ['a: { <<: b }\n', '1:6 KV003'],
  ['%YAML 1.1\n---\na: no\n', '1:1 KV004'],
  ['%TAG ! tag:x,2000:\n---\na: b\n', '1:1 KV004'],
  ['%FOO\n---\na: b\n', '1:1 KV004'],
  ['a: !!str 5\n', '1:10 KV004'],
  ['a: !x { b: 1 }\n', '1:4 KV004'],
  ['a: !important\n', '1:4 KV004'],
  ['a: 1\n---\nb: 2\n', '2:1 KV006'],
  ['a: 1\n...\nb: 2\n', '3:1 KV006'],
  ['a: "x\\0y"\n', '1:4 KV007'],
  ['a: "\\ud800"\n', '1:4 KV007'],
  ['a: "\\u202e"\n', '1:4 KV007'],
  ['a: x\u202ey\n', '1:5 KV007'],
  ['a: x\u0007\n', '1:5 KV007'],
  ['# \u001b[31m\na: 1\n', '1:3 KV007'],
  ['a: x\ufeff\n', '1:5 KV007'],
  ['1: a\n', '1:1 KV009'],
  ['"1": a\n1: b\n', '2:1 KV009'],
  ['true: a\n', '1:1 KV009'],
  ['? [a]\n: b\n', '1:3 KV009'],
  ['? \n: b\n', '1:3 KV009'],
  ['__proto__: { a: 1 }\n', '1:1 KV010'],
  ['a: .nan\n', '1:4 KV012'],
  ['a: 1e400\n', '1:4 KV012'],
])('refuses %j', (text, ...expected) => {
  const { root, diagnostics } = read(text)
  expect(root).toBeUndefined()
  expect(diagnostics.map(({ at, code }) => `${place(at!)} ${code}`)).toEqual(expected)
})

test.each([
  ['UTF-16', Buffer.from('\ufeffa: 1\n', 'utf16le'), '1:1'],
  ['Latin-1', Buffer.from('a: 1\nb: é\n', 'latin1'), '2:4'],
])('refuses %s', (_, bytes, expected) => {
  const { diagnostics } = readYaml('a.yaml', bytes)
  expect(diagnostics.map(({ at, code }) => `${place(at!)} ${code}`)).toEqual([`${expected} KV007`])
})

test.each([
  ['flow lists', `a: ${'['.repeat(5000)}`],
  ['flow maps', `a: ${'{a: '.repeat(5000)}`],
  ['block lists', `${'- '.repeat(5000)}x`],
  ['closed flow lists', `a: ${'['.repeat(200)}${']'.repeat(200)}`],
  ['block maps', Array.from({ length: 300 }, (_, level) => `${' '.repeat(level)}k:\n`).join('')],
])('refuses deep %s', (_, text) => {
  expect(read(text).diagnostics.map((it) => it.code)).toContain('KV008')
})

test('refuses a file that is too large', () => {
  expect(read(`a: ${'x'.repeat(1_000_001)}`).diagnostics.map((it) => it.code)).toEqual(['KV008'])
})

test('lets escapes stand in examples, which are data', () => {
  const node = root('examples:\n  - entry: { key: "\\0", hash: { "\\x01": "\\0\\u202e" } }\n')
  expect(node.get('examples')!.items[0]!.get('entry')!.get('key')!.value).toBe('\0')
  expect(read('examples: ["\\ud800"]\n').diagnostics).toHaveLength(1)
})

test('says how to quote what YAML takes for its own', () => {
  expect(read("a: 'x' | lower\n").diagnostics[0]!.hint).toMatch(/quoted as a whole/)
  expect(read('a: *x\n').diagnostics[0]!.hint).toMatch(/"\*" belongs to it/)
})

test('tells a few mistakes of a file that is no plan at all, not thousands', () => {
  const text = Array.from({ length: 1000 }, (_, line) => `k${line}: &a${line} [*a${line}, *b]`).join('\n')
  expect(read(text).diagnostics).toHaveLength(20)
})

const fragments = fc.constantFrom(
  ...'a:1 -,[]{}&*!%@`|>#"\'\\\n\t',
  '\n  ',
  ': ',
  '- ',
  ' #',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '<<',
  '*a',
  '&a ',
  '!!map',
  '\\u0000',
  '\ud800',
  '\0',
  '\ufeff',
  '😀',
  '__proto__',
  '${A}',
  '? ',
)

test('answers any bytes with a document or with mistakes that have a place', () => {
  const text = fc.array(fragments, { maxLength: 40 }).map((it) => Buffer.from(it.join('')))
  fc.assert(
    fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      const { root, diagnostics } = readYaml('a.yaml', bytes)
      expect(root === undefined).toBe(diagnostics.length > 0)
      const lines = Buffer.from(bytes).toString().split('\n')
      for (const { at } of diagnostics) {
        expect(at!.line).toBeGreaterThan(0)
        expect(at!.line).toBeLessThanOrEqual(lines.length)
        expect(at!.column).toBeGreaterThan(0)
      }
      for (const leaf of root ? leaves(root) : [])
        for (const offset of [0, 1, leaf.source.length])
          expect(leaf.locate(offset).line).toBeLessThanOrEqual(lines.length)
    }),
    { numRuns: 1500 },
  )
})
