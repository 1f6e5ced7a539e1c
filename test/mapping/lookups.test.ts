import { describe, expect, test } from 'vitest'
import { answering } from '../../src/mapping/answering.ts'
import { forwardClaims } from '../../src/mapping/claim.ts'
import { Limit } from '../../src/mapping/held.ts'
import { memorySource } from '../../src/sources/memory.ts'
import type { Entry, Source } from '../../src/sources/source.ts'
import { type Compiled, compilePlans, hash, json, list, set, string, zset } from './compiled.ts'

/** `v: a, w: b` as lines of YAML, each expression in quotes. */
const quoted = (fields: string): string =>
  fields
    .split(/, (?=w: )/)
    .map((it) => `      ${it[0]}: ${JSON.stringify(it.slice(3))}`)
    .join('\n')

const plan = (columns: string, fields: string, more = ''): string => `mappings:
  - match: 'user:{id}'
    type: hash
    into: t
    fields:
      id: $id
${quoted(fields)}
    unmapped: { drop: all, because: nobody asked }
${more}
tables:
  t: { columns: { id: text, ${columns} }, primary_key: [id] }
`

/** All that a store gives: rows by key, and the codes of what it rejects. */
async function migrate(compiled: Compiled, source: Source): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  const everything = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
  for await (const { entries } of answering(source, compiled.router, () => NOW).scan(everything))
    for (const entry of entries) {
      const claim = forwardClaims(compiled.router.route(entry.key, entry.type), entry, ({ columns }) => ({
        row: (cells) => {
          found[String(entry.key)] = Object.fromEntries(columns.map((it, place) => [it.name, cells[place]]))
        },
        reject: ({ code }) => {
          found[String(entry.key)] = code
        },
        filtered: () => {},
        unmapped: () => {},
      }))
      if (claim === undefined) found[String(entry.key)] = 'uncovered'
      else if (claim.kind === 'lookup') found[String(entry.key)] = 'looked up'
    }
  return found
}

const NOW = Date.parse('2026-01-08T00:00:00Z')
const ann = hash('user:1', { email: 'ann@x', team: 'red', n: '5' })

/** What one user's row is, beside these other keys. */
async function row(columns: string, fields: string, ...others: readonly Entry[]): Promise<unknown> {
  const compiled = await compilePlans(plan(columns, fields))
  const { 'user:1': found } = await migrate(compiled, memorySource([ann, ...others]))
  if (typeof found !== 'object' || found === null) return found
  const { id: _, ...rest } = found as Record<string, unknown>
  return rest
}

describe('a lookup', () => {
  test.each<[string, string, Entry[], unknown]>([
    ['v: text', "v: get('login:{email}')", [string('login:ann@x', 'a')], { v: 'a' }],
    ['v: text', "v: get('login:{email}')", [], { v: null }],
    ['v: text', "v: get('login:{nobody}')", [string('login:', 'a')], { v: null }],
    ['v: text', "v: get('login:{email}') ?? const(none)", [], { v: 'none' }],
    ['v: text', "v: get('login:{email}')", [string('login:ann@x', 'a', { expiresAt: NOW })], { v: null }],
    ['v: text', "v: get('login:{email}')", [set('login:ann@x', ['a'])], 'KEY_TYPE_MISMATCH'],
    ['v: text', "v: get('login:{email}')", [string('login:ann@x', Buffer.from([0xff]))], 'INVALID_UTF8'],
    ['v: jsonb', "v: get('p:{$id}') | json | at('a.b')", [json('p:1', { a: { b: [1] } })], { v: '[1]' }],
    ['v: text', "v: hget('names', $id)", [hash('names', { 1: 'Ann' })], { v: 'Ann' }],
    ['v: text', "v: hget('names', email | before('@'))", [hash('names', { ann: 'Ann' })], { v: 'Ann' }],
    ['v: text', "v: hget('names', $id)", [string('names', '')], 'KEY_TYPE_MISMATCH'],
    [
      'v: numeric',
      "v: score('seen:{team}', $key)",
      [zset('seen:red', [['user:1', 2 ** 60]])],
      { v: '1152921504606846976' },
    ],
    ['v: numeric', "v: score('seen:{team}', $key)", [zset('seen:red', [['user:1', Infinity]])], 'NON_FINITE'],
    ['v: boolean', "v: member('banned', $id)", [set('banned', ['1'])], { v: true }],
    ['v: boolean', "v: member('banned', $id)", [list('banned', ['2'])], { v: false }],
    ['v: boolean', "v: member('banned', $id)", [zset('banned', [['1', 0]])], { v: true }],
    ['v: boolean', "v: member('banned', $id)", [hash('banned', { 1: '' })], { v: true }],
    ['v: boolean', "v: member('banned', $id)", [], { v: false }],
    ['v: boolean', "v: member('banned', $id)", [string('banned', '1')], 'KEY_TYPE_MISMATCH'],
    [
      'v: text',
      "v: first_of({ a: 'q:a', b: ['q:b', 'q:{team}'] }, $id)",
      [list('q:red', ['1']), set('q:c', ['1'])],
      { v: 'b' },
    ],
    [
      'v: text',
      "v: first_of({ a: 'q:a', b: 'q:b' }, $id)",
      [list('q:b', ['1']), set('q:a', ['1'])],
      { v: 'a' },
    ],
    ['v: text', "v: first_of({ a: 'q:a' }, $id)", [], { v: null }],
    [
      'v: text',
      "v: owner('team:{t}:members', $id)",
      [set('team:red', ['1']), set('team:blue:members', ['1'])],
      { v: 'blue' },
    ],
    [
      'v: text',
      "v: owner('team:{t}:members', $id)",
      [set('team:a:members', ['1']), list('team:b:members', ['1'])],
      'CONFLICT',
    ],
    ['v: text', "v: owner('team:{t}:members', $id)", [], { v: null }],
    [
      'v: text',
      "v: hget('names', get('login:{email}'))",
      [string('login:ann@x', 'a'), hash('names', { a: 'Ann' })],
      { v: 'Ann' },
    ],
    ['v: text', "v: get('brace:{{{$id}}}')", [string('brace:{1}', 'x')], { v: 'x' }],
    ['v: text', 'v: least($id, n)', [], { v: '1' }],
    ['v: text', 'v: greatest($id, n, nobody)', [], { v: '5' }],
    ['v: integer', 'v: least(n | int, 3)', [], { v: 3 }],
    ['v: text', 'v: least(n | int, $id)', [], 'TYPE_MISMATCH'],
  ])('(%s) %s', async (columns, fields, others, expected) => {
    expect(await row(columns, fields, ...others)).toEqual(expected)
  })

  test('decides in where and in computed columns', async () => {
    const compiled = await compilePlans(`mappings:
  - match: 'user:{id}'
    type: hash
    where: member('known', key.id) && get('off:' + key.id) == null
    into: t
    fields: { id: $id }
    computed: { v: "hget('names', r.email) != null ? hget('names', r.email) : score('z', key.id)" }
tables:
  t: { columns: { id: text, v: jsonb }, primary_key: [id] }
`)
    const source = memorySource([
      ...['1', '2', '3', '4'].map((id) => hash(`user:${id}`, { email: `${id}@x` })),
      set('known', ['1', '2', '3']),
      string('off:2', ''),
      hash('names', { '1@x': 'Ann' }),
      zset('z', [['3', 7]]),
    ])
    expect(await migrate(compiled, source)).toEqual({
      'user:1': { id: '1', v: '"Ann"' },
      'user:2': 'uncovered',
      'user:3': { id: '3', v: '7' },
      'user:4': 'uncovered',
      known: 'looked up',
      'off:2': 'looked up',
      names: 'looked up',
      z: 'looked up',
    })
  })

  test('speaks for the keys it names, and for no others', async () => {
    const compiled = await compilePlans(plan('v: text', "v: get('user:name:{$id}') ?? get('{n}')"))
    const source = memorySource([
      ann,
      string('user:name:1', 'a'),
      string('user:name:1:2', 'b'),
      string('other', 'c'),
    ])
    expect(await migrate(compiled, source)).toEqual({
      'user:1': { id: '1', v: 'a' },
      'user:name:1': 'looked up',
      'user:name:1:2': 'uncovered',
      other: 'uncovered',
    })
  })

  test('leaves a key to the rule that has it', async () => {
    const compiled = await compilePlans(
      plan('v: text', "v: hget('names', $id)", "  - { match: names, index: 'names of users' }"),
    )
    expect(await migrate(compiled, memorySource([ann, hash('names', {})]))).toEqual({
      'user:1': { id: '1', v: null },
    })
  })
})

describe('a page', () => {
  /** Counts what is asked, and how often. */
  function asked(entries: readonly Entry[], pageSize: number) {
    const source = memorySource(entries, undefined, { pageSize })
    const batches: number[] = []
    const counting: Source = Object.assign(Object.create(source), {
      ask: async (questions: readonly unknown[]) => {
        batches.push(questions.length)
        return questions.map(() => Buffer.from('x'))
      },
    })
    for (const name of ['scan', 'identity', 'close', 'commands'] as const)
      Object.assign(counting, { [name]: (source[name] as () => unknown).bind(source) })
    return { source: counting, batches }
  }

  test('is asked together, each question once', async () => {
    const compiled = await compilePlans(plan('v: text, w: text', "v: get('a:{team}'), w: get('b:{$id}')"))
    const users = Array.from({ length: 100 }, (_, id) => hash(`user:${id}`, { team: String(id % 3) }))
    const { source, batches } = asked(users, 50)
    const found = await migrate(compiled, source)
    expect(Object.keys(found)).toHaveLength(100)
    expect(batches).toEqual([53, 53])
  })

  test('is asked again only for what answers lead to', async () => {
    const compiled = await compilePlans(plan('v: text', "v: get('a:{team}') ?? get('b:{team}')"))
    const { source, batches } = asked([hash('user:1', { team: 'red' })], 10)
    await migrate(compiled, source)
    expect(batches).toEqual([1])
  })

  test('of a source without lookups passes as it is', async () => {
    const compiled = await compilePlans(plan('v: text', 'v: email'))
    const source = memorySource([])
    expect(answering(source, compiled.router, () => NOW)).toBe(source)
  })

  test('gives the same rows, whatever its size', async () => {
    const compiled = await compilePlans(
      plan('v: text, w: text', "v: owner('team:{t}', $id), w: first_of({ a: 'q:a', b: 'q:b' }, $id)"),
    )
    const ids = Array.from({ length: 40 }, (_, id) => String(id))
    const entries = [
      ...ids.map((id) => hash(`user:${id}`, { n: id })),
      set(
        'team:red',
        ids.filter((id) => Number(id) % 2 === 0),
      ),
      list('q:a', ids.slice(0, 15)),
      list('q:b', ids.slice(10, 30)),
    ]
    const rows = await Promise.all(
      [1, 7, 1000].map((pageSize) =>
        migrate(compiled, memorySource(entries, undefined, { pageSize, partSize: 4 })),
      ),
    )
    expect(rows[1]).toEqual(rows[0])
    expect(rows[2]).toEqual(rows[0])
    expect(rows[0]).toMatchObject({ 'user:12': { v: 'red', w: 'a' }, 'user:29': { v: null, w: 'b' } })
  })
})

test('a lookup has no way back', async () => {
  const { mapping } = await compilePlans(plan('v: text', "v: get('a:{$id}')"))
  expect(mapping('t').oneWay).toContainEqual({ column: 'v', why: 'it is what another key says' })
})

test.each([
  ['v: get($id)', /KV032 .*key as text/],
  ["v: get('a', 'b')", /KV032 .*takes a key/],
  ["v: hget('a')", /KV032 .*a key and an item/],
  ["v: get('a:{')", /KV032 .*not closed/],
  ["v: get('a:}')", /KV032 .*closes nothing/],
  ["v: get('a:{$nobody}')", /KV031/],
  ["v: get('a:{| x}')", /KV032 .*no expression/],
  ["v: first_of('a', $id)", /KV032 .*a map/],
  ["v: owner('a:b', $id)", /KV032 .*one capture/],
  ["v: score('z', $id)", /KV034/],
  ['v: least(n)', /KV032/],
])('%s is refused', async (field, message) => {
  await expect(compilePlans(plan('v: text', field))).rejects.toThrow(message)
})

test('a condition of decode asks nothing', async () => {
  await expect(
    compilePlans(
      plan('v: text', 'v: $id').replace(
        'type: hash',
        `type: string\n    decode: [{ if: "member('a', r)", do: json }]`,
      ),
    ),
  ).rejects.toThrow(/KV036/)
})

describe('a value that was cut into pieces', () => {
  const PIECES = `mappings:
  - match: 'doc:{id}:0'
    type: string
    chunks: 'doc:{id}:{i}'
    decode: json
    into: t
    fields: { id: $id, v: v }
tables:
  t: { columns: { id: text, v: text }, primary_key: [id] }
`
  const pieces = (id: string, text: string, size: number): Entry[] =>
    Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      string(`doc:${id}:${at}`, text.slice(at * size, (at + 1) * size)),
    )

  test('is put together, and its pieces are spoken for', async () => {
    const compiled = await compilePlans(PIECES)
    const text = JSON.stringify({ v: 'x'.repeat(100) })
    const entries = [...pieces('a', text, 3), ...pieces('b', '{"v":"y"}', 100)]
    const found = await migrate(compiled, memorySource(entries, undefined, { pageSize: 10 }))
    expect(found['doc:a:0']).toEqual({ id: 'a', v: 'x'.repeat(100) })
    expect(found['doc:b:0']).toEqual({ id: 'b', v: 'y' })
    expect(Object.values(found).filter((it) => it === 'looked up')).toHaveLength(entries.length - 2)
  })

  test('of which one is missing is rejected as what is left of it', async () => {
    const compiled = await compilePlans(PIECES)
    const entries = pieces('a', '{"v":"abcdef"}', 4).filter((_, at) => at !== 2)
    expect(await migrate(compiled, memorySource(entries))).toMatchObject({ 'doc:a:0': 'INVALID_JSON' })
  })

  test('may begin at a key of its own', async () => {
    const compiled = await compilePlans(
      PIECES.replace("'doc:{id}:0'", "'doc:{id}'").replace("'doc:{id}:{i}'", "'{key}:{i}'"),
    )
    const source = memorySource([string('doc:a', '{"v":'), string('doc:a:1', '"x"}'), string('doc:a:x', '')])
    expect(await migrate(compiled, source)).toEqual({
      'doc:a': { id: 'a', v: 'x' },
      'doc:a:1': 'looked up',
      'doc:a:x': 'uncovered',
    })
  })

  test('has no way back', async () => {
    const { mapping } = await compilePlans(PIECES)
    expect(mapping('t').oneWay.map((it) => it.why)).toContain(
      'where the value was cut into pieces is forgotten',
    )
  })

  test.each([
    ["'doc:{id}'", /KV032 .*one \{i\}/],
    ["'{i}{i}'", /KV032 .*one \{i\}/],
    ["'doc:{nobody}:{i}'", /KV032 .*no \{nobody\}/],
    ["'doc:{i'", /KV032 .*stands alone/],
  ])('%s is no key of a piece', async (chunks, message) => {
    await expect(compilePlans(PIECES.replace("'doc:{id}:{i}'", chunks))).rejects.toThrow(message)
  })

  test('is a string', async () => {
    await expect(
      compilePlans(PIECES.replace('type: string', 'type: hash').replace('decode: json', '')),
    ).rejects.toThrow(/KV037 .*Only strings/)
  })
})

test('what has to be held in memory has a limit, which is told before the memory is full', () => {
  const limit = new Limit({ label: 'a file' }, 1000)
  for (let held = 0; held < 5; held++) limit.add(100)
  expect(() => limit.add(100)).toThrow(
    expect.objectContaining({
      code: 'LOOKUP_TOO_LARGE',
      message: expect.stringMatching(/^a file: the keys/),
    }),
  )
})
