import { describe, expect, test } from 'vitest'
import { compileMapping, MappingError } from '../../src/mapping/compile.ts'
import { compilePlans, hash, json, list, set, stream, string, zset } from './compiled.ts'

interface Shape {
  readonly match?: string
  readonly columns: string
  readonly key?: string
  readonly more?: string
}

/** A plan of one mapping; `rule` has its lines but for `match` and `into`. */
const plan = (rule: string, { match = 'k:{id}', columns, key = 'id', more = '' }: Shape): string => `mappings:
  - match: ${JSON.stringify(match)}
    into: t
    ${rule.replaceAll('\n', '\n    ')}
${more}
tables:
  t: { columns: { ${columns} }, primary_key: [${key}] }
`

const one = async (rule: string, shape: Shape) => compilePlans(plan(rule, shape))
const cells = (outcome: { readonly rows: readonly { readonly cells: unknown }[] }): unknown[] =>
  outcome.rows.map((it) => it.cells)

describe('a record', () => {
  test('is the whole value of a string', async () => {
    const { forward } = await one('type: string\nfields: { id: $id, v: $value }', {
      columns: 'id: text, v: text',
    })
    expect(cells(forward(string('k:1', 'null')))).toEqual([{ id: '1', v: 'null' }])
    expect(forward(string('k:1', Buffer.from([0xff]))).rejects).toMatchObject([
      { code: 'INVALID_UTF8', part: '' },
    ])
    expect(forward(string('k:1', 'a\0')).rejects).toMatchObject([{ code: 'NUL_IN_TEXT', column: 'v' }])
  })

  test('is an object of text where it is a hash', async () => {
    const { forward } = await one(
      'type: hash\nfields: { id: $id, n: n | int, x: constructor, d: d | json }',
      {
        columns: 'id: text, n: bigint, x: text, d: jsonb',
      },
    )
    const entry = hash('k:1', { n: '5', constructor: 'y', __proto__x: 'z', d: '{"b":1,"a":2}' })
    expect(cells(forward(entry))).toEqual([{ id: '1', n: 5n, x: 'y', d: '{"a": 2, "b": 1}' }])
    expect(forward(hash('k:1', { n: '' })).rejects).toMatchObject([
      { code: 'NOT_AN_INTEGER', column: 'n', part: '' },
    ])
    expect(forward(hash('k:1', { n: Buffer.from([0xff]) })).rejects).toMatchObject([{ code: 'INVALID_UTF8' }])
  })

  test('is each field of a hash, on its own', async () => {
    const { forward } = await one('each: field\ndecode: json\nfields: { id: $field, v: v }', {
      match: 'h',
      columns: 'id: text, v: text',
    })
    const outcome = forward(hash('h', { a: '{"v":"x"}', b: '{', c: '{"v":5}', '': '{"v":"y"}' }))
    expect(outcome.rows).toMatchObject([
      { cells: { id: 'a', v: 'x' }, part: 'field:a' },
      { cells: { id: '', v: 'y' }, part: 'field:' },
    ])
    expect(outcome.rejects).toMatchObject([
      { code: 'INVALID_JSON', part: 'field:b' },
      { code: 'TYPE_MISMATCH', part: 'field:c', column: 'v' },
    ])
    expect(outcome.rejects[0]).not.toHaveProperty('column')
    const binary = forward(hash('h', [Buffer.from([0xff]), '{"v":"x"}']))
    expect(binary.rejects).toMatchObject([{ code: 'INVALID_UTF8', column: 'id', part: 'field:\\xff' }])
  })

  test('is each item of a list, with its place, whatever part it came in', async () => {
    const { forward } = await one('each: item\nfields: { id: $id, n: $index, v: $item }', {
      columns: 'id: text, n: integer, v: text',
      key: 'id, n',
    })
    expect(cells(forward(list('k:1', ['b', 'a', 'b', ''])))).toEqual([
      { id: '1', n: 0, v: 'b' },
      { id: '1', n: 1, v: 'a' },
      { id: '1', n: 2, v: 'b' },
      { id: '1', n: 3, v: '' },
    ])
    expect(forward(list('k:1', ['z'], { offset: 70_000, more: true })).rows).toMatchObject([
      { cells: { n: 70_000 }, part: 'index:70000' },
    ])
  })

  test('is each member of a set, or of a sorted set with its score', async () => {
    const sets = await one('each: member\ntype: set\nfields: { id: $id, v: $member }', {
      columns: 'id: text, v: text',
      key: 'id, v',
    })
    expect(sets.forward(set('k:1', ['a', 'b'])).rows).toMatchObject([
      { part: 'member:a' },
      { cells: { v: 'b' } },
    ])
    const scores = await one('each: member\ntype: zset\nfields: { id: $member, v: $score }', {
      columns: 'id: text, v: double precision',
    })
    expect(
      cells(
        scores.forward(
          zset('k:1', [
            ['a', 1.5],
            ['b', -0],
            ['c', 2 ** 60],
          ]),
        ),
      ),
    ).toEqual([
      { id: 'a', v: 1.5 },
      { id: 'b', v: -0 },
      { id: 'c', v: 2 ** 60 },
    ])
    expect(scores.forward(zset('k:1', [['a', Number.POSITIVE_INFINITY]])).rejects).toMatchObject([
      { code: 'NON_FINITE', column: 'v' },
    ])
    const exact = await one('each: member\ntype: zset\nfields: { id: $member, v: $score }', {
      columns: 'id: text, v: bigint',
    })
    expect(cells(exact.forward(zset('k:1', [['a', 2 ** 60]])))).toEqual([{ id: 'a', v: 2n ** 60n }])
  })

  test('is each message of a stream, an object of text', async () => {
    const { forward } = await one('each: message\nfields: { id: $message, v: v }', {
      columns: 'id: text, v: text',
    })
    expect(
      forward(
        stream('k:1', [
          ['1-0', { v: 'x' }],
          ['1-1', {}],
        ]),
      ).rows,
    ).toMatchObject([
      { cells: { id: '1-0', v: 'x' }, part: 'message:1-0' },
      { cells: { id: '1-1', v: null } },
    ])
    const bad = forward(
      stream('k:1', [
        ['1-0', { v: Buffer.from([0xff]) }],
        ['1-1', { v: 'y' }],
      ]),
    )
    expect(bad).toMatchObject({
      rejects: [{ code: 'INVALID_UTF8', part: 'message:1-0' }],
      rows: [{ part: 'message:1-1' }],
    })
  })

  test('is no message that has a field twice: one of the values would be lost', async () => {
    const { forward } = await one('each: message\nfields: { id: $message, v: v }', {
      columns: 'id: text, v: text',
    })
    expect(forward(stream('k:1', [['1-0', ['v', 'x', 'v', 'y']]]))).toMatchObject({
      rows: [],
      rejects: [{ code: 'DUPLICATE_JSON_KEY', part: 'message:1-0' }],
    })
  })

  test('is no hash whose field names become alike where bytes that are no text are replaced', async () => {
    const { forward } = await one('type: hash\ntext: replace\nfields: { id: $id, v: rest() }', {
      columns: 'id: text, v: jsonb',
    })
    const entry = hash('k:1', [Buffer.from([0xff]), 'x', Buffer.from([0xfe]), 'y'])
    expect(forward(entry).rejects).toMatchObject([{ code: 'DUPLICATE_JSON_KEY', part: '' }])
  })

  test('is a list of what a list or set holds, or of members and scores, where it is taken whole', async () => {
    const lists = await one('type: set\nfields: { id: $id, v: $value }', { columns: "id: text, v: 'text[]'" })
    expect(cells(lists.forward(set('k:1', ['a', 'b'])))).toEqual([{ id: '1', v: ['a', 'b'] }])
    const scores = await one('type: zset\nfields: { id: $id, v: $value }', { columns: 'id: text, v: jsonb' })
    expect(cells(scores.forward(zset('k:1', [['a', 1]])))).toEqual([
      { id: '1', v: '[{"score": 1, "member": "a"}]' },
    ])
  })

  test('is too large where it would have to be put together from parts', async () => {
    const { forward } = await one('type: hash\nfields: { id: $id, v: v }', { columns: 'id: text, v: text' })
    expect(forward(hash('k:1', { v: 'x' }, { more: true })).rejects).toMatchObject([
      { code: 'VALUE_TOO_LARGE', part: '' },
    ])
    expect(forward(hash('k:1', { w: 'x' }, { offset: 1 }))).toMatchObject({
      claimed: 'p0',
      rejects: [],
      rows: [],
    })
  })
})

describe('a path of each', () => {
  test('goes into a list, with its place and what encloses it', async () => {
    const { forward } = await one(
      'decode: json\neach: profile.skills\nfields: { id: $id, n: $index, v: name, owner: $parent.profile.nick }',
      {
        columns: 'id: text, n: integer, v: text, owner: text',
        key: 'id, n',
      },
    )
    const outcome = forward(json('k:1', { profile: { nick: 'ann', skills: [{ name: 'a' }, { name: 'b' }] } }))
    expect(outcome.rows).toMatchObject([
      { cells: { id: '1', n: 0, v: 'a', owner: 'ann' }, part: 'index:0' },
      { cells: { n: 1, v: 'b' }, part: 'index:1' },
    ])
    for (const value of [{}, { profile: null }, { profile: { skills: null } }, { profile: { skills: [] } }]) {
      expect(forward(json('k:1', value))).toMatchObject({ claimed: 'p0', rows: [], rejects: [] })
    }
    for (const value of [{ profile: 'x' }, { profile: { skills: 'x' } }, { profile: { skills: {} } }]) {
      expect(forward(json('k:1', value)).rejects).toMatchObject([{ code: 'TYPE_MISMATCH', part: '' }])
    }
    expect(forward(json('k:1', { profile: { skills: [{ name: 'a' }, 'b'] } }))).toMatchObject({
      rows: [{ part: 'index:0' }],
      rejects: [{ code: 'TYPE_MISMATCH', part: 'index:1', column: 'v' }],
    })
  })

  test('goes into every value of an object, with its name', async () => {
    const { forward } = await one(
      'decode: json\neach: games.*\nfields: { id: $name, v: title, whole: $parent.kind }',
      {
        columns: 'id: text, v: text, whole: text',
      },
    )
    const outcome = forward(json('k:1', { kind: 'x', games: { g1: { title: 'a' }, g2: { title: 'b' } } }))
    expect(outcome.rows).toMatchObject([
      { cells: { id: 'g1', v: 'a', whole: 'x' }, part: 'field:g1' },
      { cells: { id: 'g2', v: 'b', whole: 'x' }, part: 'field:g2' },
    ])
  })

  test('goes deeper, level by level; the parent is the nearest object of a level above', async () => {
    const { forward } = await one(
      'decode: json\neach: games.*.moves\nfields: { game: $name, n: $index, v: $item, host: $parent.host }',
      {
        columns: 'game: text, n: integer, v: text, host: text',
        key: 'game, n',
      },
    )
    const games = {
      g1: { host: 'ann', moves: ['a', 'b'] },
      g2: { host: 'bo', moves: ['c'] },
      g3: { moves: 'x' },
      g4: 5,
    }
    const outcome = forward(json('k:1', { games }))
    expect(outcome.rows).toMatchObject([
      { cells: { game: 'g1', n: 0, v: 'a', host: 'ann' }, part: 'field:g1/index:0' },
      { cells: { game: 'g1', n: 1, v: 'b', host: 'ann' }, part: 'field:g1/index:1' },
      { cells: { game: 'g2', n: 0, v: 'c', host: 'bo' }, part: 'field:g2/index:0' },
    ])
    expect(outcome.rejects).toMatchObject([
      { code: 'TYPE_MISMATCH', part: 'field:g3' },
      { code: 'TYPE_MISMATCH', part: 'field:g4' },
    ])
  })

  test('goes through maps of lists; names and places of one level do not leak into another', async () => {
    const { forward } = await one(
      "decode: json\neach: '*.*'\nfields: { k: $name, n: $index | default(-1), v: $item }",
      {
        columns: 'k: text, n: integer, v: text',
        key: 'k, n, v',
      },
    )
    const outcome = forward(json('k:1', { a: ['x', 'y'], b: { z: 'w' }, c: [] }))
    expect(cells(outcome)).toEqual([
      { k: 'a', n: 0, v: 'x' },
      { k: 'a', n: 1, v: 'y' },
      { k: 'z', n: -1, v: 'w' },
    ])
  })

  test('reads a list that is kept as text in a field of a hash', async () => {
    const { forward } = await one("type: hash\neach: tech | list(',')\nfields: { id: $id, v: $item }", {
      columns: 'id: text, v: text',
      key: 'id, v',
    })
    expect(forward(hash('k:1', { tech: '["C++","a,b"]' })).rows.map((it) => it.cells.v)).toEqual([
      'C++',
      'a,b',
    ])
    expect(forward(hash('k:1', { tech: 'React,Vite' })).rows.map((it) => it.cells.v)).toEqual([
      'React',
      'Vite',
    ])
    expect(forward(hash('k:1', { tech: '' })).rows).toEqual([])
    expect(forward(hash('k:1', {})).rows).toEqual([])
    expect(forward(hash('k:1', { tech: '[1' })).rejects).toMatchObject([{ code: 'INVALID_JSON', part: '' }])
  })
})

describe('a field', () => {
  const forward = async (expression: string, value: unknown, column = 'text', more = '') => {
    const compiled = await one(
      `decode: json\nfields: { id: $id, v: ${JSON.stringify(expression)} }\nunmapped: { drop: all, because: not tested }`,
      {
        columns: `id: text, v: '${column}'`,
        more,
      },
    )
    const { rows, rejects } = compiled.forward(json('k:1', value, { expiresAt: 1767866400123 }))
    return rejects[0]?.code ?? rows[0]?.cells.v
  }

  test.each<[expression: string, value: unknown, cell: unknown, column?: string]>([
    ['a', { a: 'x' }, 'x'],
    ['a', {}, null],
    ['a', { a: null }, null],
    ['a', { a: '' }, ''],
    ['a', { a: 5 }, 'TYPE_MISMATCH'],
    ['a', { a: 5 }, 5, 'integer'],
    ['a', { a: '5' }, 'TYPE_MISMATCH', 'integer'],
    ['a.b[1].c', { a: { b: [0, { c: 'x' }] } }, 'x'],
    ['a.b', { a: null }, null],
    ['a.b', { a: 'x' }, 'TYPE_MISMATCH'],
    ['a[0]', { a: {} }, null],
    ['a[0]', { a: 'x' }, 'TYPE_MISMATCH'],
    ["['a b']", { 'a b': 'x' }, 'x'],
    ['constructor.length', { a: 1 }, null, 'integer'],
    ['a.b ?? a', { a: 'x' }, 'x'],
    ['a.b ?? a', { a: { b: 'y' } }, 'y'],
    ['a ?? b', { b: 'x' }, 'x'],
    ['a ?? b', { a: null, b: 'x' }, 'x'],
    ['a ?? b', { a: '', b: 'x' }, ''],
    ["a ?? b | default('z')", {}, 'z'],
    ['(a | upper) ?? b', { b: 'x' }, 'x'],
    ["from ?? sender | strip_prefix('@') | lower", { sender: '@ANN' }, 'ann'],
    ['const(session)', {}, 'session'],
    ['const([])', {}, '[]', 'jsonb'],
    ["const(' x ') | trim", {}, 'x'],
    ['5', {}, 5, 'integer'],
    ['true', {}, true, 'boolean'],
    ['null', {}, null],
    ['$key', {}, 'k:1'],
    ['$value', { b: 1, a: [true] }, '{"a": [true], "b": 1}', 'jsonb'],
    ['$value', { b: 1, a: [1.0] }, '{"b":1,"a":[1]}', 'json'],
    ['$value.a', { a: 'x' }, 'x'],
    ['rest()', { a: 1, b: null }, '{"a": 1, "b": null}', 'jsonb'],
    ['rest()', {}, null, 'jsonb'],
    ['$expires_at', {}, 1767866400123000n, 'timestamptz'],
    ['a | present', {}, false, 'boolean'],
    ['const(x) | int', {}, 'NOT_AN_INTEGER', 'integer'],
    ['a', [], 'TYPE_MISMATCH'],
    ['a', null, 'NULL_NOT_ALLOWED'],
    ['a ?? $key', null, 'k:1'],
    ['a', '{"a":1}', 'DOUBLE_ENCODED_JSON'],
    ['a', '"\\"[]\\""', 'DOUBLE_ENCODED_JSON'],
    ['a', 'text', 'TYPE_MISMATCH'],
    ['a', '5', 'TYPE_MISMATCH'],
    ['rest()', 'text', 'TYPE_MISMATCH', 'jsonb'],
  ])('%s of %j (%#)', async (expression, value, cell, column) => {
    expect(await forward(expression, value, column)).toEqual(cell)
  })

  test('is NULL without an expiry, never an invented one', async () => {
    const { forward: run } = await one('type: string\nfields: { id: $id, at: $expires_at }', {
      columns: 'id: text, at: timestamptz',
    })
    expect(cells(run(string('k:1', 'x')))).toEqual([{ id: '1', at: null }])
    expect(run(string('k:1', 'x', { expiresAt: 9225167212726300 })).rejects).toMatchObject([
      { code: 'TIMESTAMP_IMPLAUSIBLE' },
    ])
  })

  test('cannot be NULL in a key, or where the column says so', async () => {
    const { forward: run } = await one('decode: json\nfields: { id: id, v: v }', {
      columns: 'id: text, v: text not null',
    })
    expect(run(json('k:1', { v: 'x' })).rejects).toMatchObject([{ code: 'FIELD_MISSING', column: 'id' }])
    expect(run(json('k:1', { id: 'x', v: null })).rejects).toMatchObject([
      { code: 'NULL_NOT_ALLOWED', column: 'v' },
    ])
  })

  test('of a capture is text, a number or a date as the pattern says', async () => {
    const { forward: run } = await one('type: string\nfields: { id: $id, n: $n, d: $d }', {
      match: 'k:{id}:{n:int}:{d:date}',
      columns: 'id: text, n: bigint, d: date',
    })
    expect(cells(run(string('k:007:9223372036854775807:2026-01-08', 'x')))).toEqual([
      { id: '007', n: 9223372036854775807n, d: 20461 },
    ])
    expect(run(string('k:1:9223372036854775808:2026-01-08', 'x')).rejects).toMatchObject([
      { code: 'INT_OUT_OF_RANGE', column: 'n' },
    ])
  })

  test('of the key itself has to be text', async () => {
    const { forward: run } = await one('type: string\nfields: { id: $key }', {
      match: 'k:{_}',
      columns: 'id: text',
    })
    expect(run(string(Buffer.from([0x6b, 0x3a, 0xff]), 'x')).rejects).toMatchObject([
      { code: 'INVALID_UTF8_KEY', column: 'id' },
    ])
  })
})

describe('where', () => {
  test('filters records of a claimed entry', async () => {
    const { forward } = await one('each: field\ndecode: json\nwhere: r.n > 1\nfields: { id: $field, n: n }', {
      match: 'h',
      columns: 'id: text, n: integer',
    })
    const outcome = forward(hash('h', { a: '{"n":1}', b: '{"n":2}', c: '{}' }))
    expect(outcome).toMatchObject({
      claimed: 'p0',
      rows: [{ part: 'field:b' }],
      filtered: ['field:a'],
      rejects: [{ code: 'TRANSFORM', part: 'field:c' }],
    })
  })

  test('sees fields of a hash that no column takes', async () => {
    const { forward } = await one('type: hash\nwhere: r.kind == "a"\nfields: { id: $id, v: v }', {
      columns: 'id: text, v: text',
    })
    expect(forward(hash('k:1', { kind: 'a', v: 'x' })).rows).toHaveLength(1)
    expect(forward(hash('k:1', { kind: 'b', v: 'x' }))).toMatchObject({ claimed: 'uncovered', rows: [] })
  })
})

describe('text: replace', () => {
  test('replaces what Postgres cannot hold in values, never in keys and names', async () => {
    const { forward } = await one('each: field\ntext: replace\nfields: { id: $field, v: $value }', {
      match: 'h',
      columns: 'id: text, v: text',
    })
    expect(cells(forward(hash('h', ['a', Buffer.from('78ff0079', 'hex')])))).toEqual([
      { id: 'a', v: 'x\ufffdy' },
    ])
    expect(forward(hash('h', [Buffer.from('ff', 'hex'), 'x'])).rejects).toMatchObject([
      { code: 'INVALID_UTF8' },
    ])
    const documents = await one('decode: json\ntext: replace\nfields: { id: $id, v: v }', {
      columns: 'id: text, v: text',
    })
    expect(cells(documents.forward(string('k:1', '{"v":"a\\u0000b\\ud800"}')))).toEqual([
      { id: '1', v: 'ab\ufffd' },
    ])
  })
})

describe('fields that nobody takes', () => {
  const unmapped = async (text: string, entry: Parameters<Awaited<ReturnType<typeof one>>['forward']>[0]) =>
    (await compilePlans(text)).forward(entry).unmapped

  test('are reported', async () => {
    const text = plan('decode: json\nwhere: has(r.kind)\nfields: { id: $id, v: a.b }', {
      columns: 'id: text, v: text',
    })
    expect(await unmapped(text, json('k:1', { a: { b: 'x', c: 1 }, kind: 1, d: null }))).toEqual([
      'a.c',
      'kind',
      'd',
    ])
  })

  test('are reported of a hash, though nobody reads their values', async () => {
    const text = plan('type: hash\nfields: { id: $id, v: v }', { columns: 'id: text, v: text' })
    expect(await unmapped(text, hash('k:1', { v: 'x', other: Buffer.from([0xff]) }))).toEqual(['other'])
  })

  test.each([
    ['rest()', 'v: rest()'],
    ['the whole value', 'v: $value'],
  ])('are none where a column takes %s', async (_, field) => {
    const text = plan(`decode: json\nfields: { id: $id, ${field} }`, { columns: 'id: text, v: jsonb' })
    expect(await unmapped(text, json('k:1', { a: 1 }))).toEqual([])
  })

  test('are none where the mapping drops them by name', async () => {
    const text = plan(
      'decode: [unwrap(value)]\nfields: { id: $id, v: v }\nunmapped: { drop: [w, expires], because: of no use }',
      {
        columns: 'id: text, v: text',
      },
    )
    expect(await unmapped(text, json('k:1', { value: { v: 'x', w: 1 }, expires: 5 }))).toEqual([])
  })

  test('are those beside an unwrapped value too', async () => {
    const text = plan('decode: [unwrap(value)]\nfields: { id: $id, v: v }', { columns: 'id: text, v: text' })
    expect(await unmapped(text, json('k:1', { value: { v: 'x' }, expires: 5 }))).toEqual(['expires'])
  })

  test.each<[string, string, unknown, readonly string[]]>([
    ['beside one that is taken', 'v: meta.user', { meta: { user: 'x', extra: 1 } }, ['meta.extra']],
    ['deep inside', 'v: a.b.c', { a: { b: { c: 'x', d: 1 }, e: 2 } }, ['a.b.d', 'a.e']],
    ['but not where all of it is taken', 'v: meta.user, j: meta', { meta: { user: 'x', extra: 1 } }, []],
    ['but not of an object that is not there', 'v: meta.user', { meta: null }, []],
    ['of other places of a list, once', 'v: "links[0]"', { links: ['x', 'y', 'z'] }, ['links.*']],
    ['in a list', 'v: "links[0].url"', { links: [{ url: 'x', title: 'y' }] }, ['links[0].title']],
    ['with odd names', 'v: meta.user', { meta: { user: 'x', 'a b': 1 }, '0': 1 }, ["['0']", "meta['a b']"]],
    ['as a text where others have fields', 'v: meta.user ?? name', { meta: 'x', name: 'y' }, ['meta']],
    [
      'beside rest(), which takes none of them',
      'v: meta.user, j: rest()',
      { meta: { user: 'x', b: 1 }, c: 1 },
      ['meta.b'],
    ],
    [
      'not where they are dropped',
      'v: meta.user }\nunmapped: { drop: [meta.b, x.*], because: no need',
      { meta: { user: 'x', b: 1, c: 2 }, x: { y: 1 } },
      ['meta.c'],
    ],
    [
      'not where whatever comes is dropped',
      'v: v }\nunmapped: { drop: all, because: no need',
      { v: 'x', w: { y: 1 } },
      [],
    ],
  ])('are reported inside of objects, %s', async (_, fields, value, expected) => {
    const text = plan(`decode: json\nfields: { id: $id, ${fields} }`, {
      columns: 'id: text, v: text, j: jsonb',
    })
    expect(await unmapped(text, json('k:1', value))).toEqual(expected)
  })

  test('are reported around what a path of each goes into', async () => {
    const text = plan(
      'decode: json\neach: games.*.moves\nfields: { id: $id, game: $parent.name, n: $index, v: san }',
      { columns: 'id: text, game: text, n: integer, v: text', key: 'id, game, n' },
    )
    const game = (name: string) => ({ name, winner: 'ann', moves: [{ san: 'e4', clock: 5 }] })
    const document = json('k:1', { games: { a: game('a'), b: game('b') }, title: 't' })
    expect(await unmapped(text, document)).toEqual(['games.*.winner', 'title', 'clock', 'clock'])
    const dropped = `${text.replace('fields:', "unmapped: { drop: [games.*.winner, title, clock], because: 'no' }\n    fields:")}`
    expect(await unmapped(dropped, document)).toEqual([])
  })

  const GROUP = `mappings:
  - { match: "k:{id}", type: string, decode: json, into: t, fields: { id: id, v: v, r: rest() } }
  - { match: "k:{id}", type: string, decode: json, each: items, into: u, fields: { id: $id, n: $index, v: v, o: $parent.owner } }
tables:
  t: { columns: { id: text, v: text, r: jsonb }, primary_key: [id] }
  u: { columns: { id: text, n: integer, v: text, o: text }, primary_key: [id, n] }
`
  const document = json('k:1', { id: '1', v: 'x', owner: 'ann', other: true, items: [{ v: 'a', w: 1 }] })

  test('are told once for all mappings that read the entry, and rest() leaves out what another takes', async () => {
    const outcome = (await compilePlans(GROUP)).forward(document)
    expect(outcome.rows).toMatchObject([
      { into: 't', cells: { r: '{"other": true}' } },
      { into: 'u', cells: { v: 'a', o: 'ann' } },
    ])
    expect(outcome.unmapped).toEqual(['w'])
    expect(await unmapped(GROUP.replace(', r: rest()', ''), document)).toEqual(['other', 'w'])
  })

  test('are told by a path of each where no mapping takes the whole', async () => {
    const text = GROUP.replace(/ {2}- .*into: t.*\n/, '').replace(/ {2}t: .*\n/, '')
    expect(await unmapped(text, document)).toEqual(['id', 'v', 'other', 'w'])
  })
})

describe('a document of several tables', () => {
  const text = `mappings:
  - { match: "k:{id}", type: string, decode: json, into: t, fields: { id: $id, v: v } }
  - { match: "k:{id}", type: string, decode: json, each: items, into: u, fields: { id: $id, n: $index, v: $item } }
tables:
  t: { columns: { id: text, v: text }, primary_key: [id] }
  u: { columns: { id: text, n: integer, v: text }, primary_key: [id, n] }
`

  test('gives all of its rows or none', async () => {
    const { forward } = await compilePlans(text)
    expect(forward(json('k:1', { v: 'x', items: ['a', 'b'] })).rows).toHaveLength(3)
    expect(forward(json('k:1', { v: 'x', items: ['a', 5] }))).toMatchObject({
      claimed: 'p0',
      rows: [],
      rejects: [{ code: 'TYPE_MISMATCH', part: 'index:1', column: 'v' }],
    })
    expect(forward(json('k:1', { v: 5, items: ['a'] }))).toMatchObject({
      rows: [],
      rejects: [{ part: '', column: 'v' }],
    })
  })

  test('is rejected once where nobody can read it', async () => {
    const { forward } = await compilePlans(text)
    expect(forward(string('k:1', '{')).rejects).toMatchObject([{ code: 'INVALID_JSON', part: '' }])
  })

  test('goes unread to its rule where only the key was wanted', async () => {
    const { forward } = await compilePlans(text)
    const entry = {
      key: Buffer.from('k:1'),
      type: 'string',
      expiresAt: null,
      offset: 0,
      more: false,
    } as const
    expect(forward(entry)).toMatchObject({ claimed: 'p0', rows: [], rejects: [] })
  })

  test('is no document where its records are elements: then each is on its own', async () => {
    const elements = text
      .replaceAll('type: string', 'type: hash')
      .replace('into: t, fields: { id: $id', 'each: field, into: t, fields: { id: $field')
      .replace(
        'each: items, into: u, fields: { id: $id, n: $index, v: $item',
        'each: field, into: u, fields: { id: $field, n: n, v: v',
      )
    const { forward } = await compilePlans(elements)
    const outcome = forward(hash('k:1', { a: '{"v":"x","n":1}', b: '{"v":"y"}' }))
    expect(outcome.rows.map((it) => [it.into, it.part])).toEqual([
      ['t', 'field:a'],
      ['t', 'field:b'],
      ['u', 'field:a'],
    ])
    expect(outcome.rejects).toMatchObject([{ code: 'FIELD_MISSING', part: 'field:b', column: 'n' }])
  })
})

test('names everything that only compiling finds wrong, with its place', async () => {
  const { project, mapping } = await one('decode: json\nfields: { id: $id, v: v }', {
    columns: 'id: text, v: text',
  })
  const { table, mapping: good } = mapping('t')
  const bad = {
    ...good,
    where: { cel: 'r.a +', at: { ...good.at, line: 7 } },
    fields: good.fields.map((it) => ({
      ...it,
      expression: {
        kind: 'pipe',
        input: it.expression,
        transform: 'split',
        arguments: [],
        span: { start: 0, end: 0 },
      } as const,
    })),
  }
  const { transforms, decoders } = await import('./compiled.ts').then((it) => it.parts)
  const plan = { ...project.plans[0]!, rules: [bad] }
  try {
    compileMapping({ plan, mapping: bad, table, transforms, decoders })
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(MappingError)
    const { diagnostics } = error as MappingError
    expect(diagnostics.map((it) => it.code)).toEqual(['KV032', 'KV032', 'KV036'])
    expect(diagnostics[2]?.at?.line).toBe(7)
  }
})
