import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { compilePlans, hash, json, list, set, string } from './compiled.ts'

const cells = (outcome: { readonly rows: readonly { readonly cells: unknown }[] }): unknown[] =>
  outcome.rows.map((it) => it.cells)

describe('a mapping from several places', () => {
  const PLAN = `mappings:
  - from:
      - { match: 'user:{id}', type: hash }
      - { match: 'u:{id}', type: string, decode: json, fields: { born: born | epoch_ms }, computed: { loud: r.name + '!' } }
    into: t
    conflict: keep
    fields: { id: $id, name: name | lower, born: born | iso }
tables:
  t: { columns: { id: text, name: text, born: timestamptz, loud: text }, primary_key: [id] }
`
  test('is one mapping for each, in order, with what the place says before what all share', async () => {
    const { forward, project } = await compilePlans(PLAN)
    expect(project.plans[0]?.rules.map((it) => (it.kind === 'mapping' ? it.name : ''))).toEqual(['t', 't.2'])
    expect(cells(forward(hash('user:1', { name: 'Ann', born: '2026-01-08T00:00:00Z' })))).toEqual([
      { id: '1', name: 'ann', born: 1767830400000000n },
    ])
    expect(cells(forward(json('u:1', { name: 'Ann', born: 1767830400000 })))).toEqual([
      { id: '1', name: 'ann', born: 1767830400000000n, loud: 'Ann!' },
    ])
  })

  test('says where a mistake stands, in the place or in what is shared', async () => {
    await expect(compilePlans(PLAN.replace('name | lower', 'name | lowr'))).rejects.toThrow(/9:.* KV014/)
    await expect(compilePlans(PLAN.replace('born | epoch_ms', 'born | epoch_mms'))).rejects.toThrow(
      /6:.* KV014/,
    )
    await expect(compilePlans(PLAN.replace("match: 'user:{id}', ", ''))).rejects.toThrow(
      /5:.* KV011 .*"match"/,
    )
  })
})

describe('a decoder with a condition', () => {
  test('is taken where it holds, by what the store has', async () => {
    const { forward } = await compilePlans(`mappings:
  - match: 'trace:{id}'
    type: hash
    decode: [unwrap(data), { if: "r.zipped == 'yes'", do: [base64, gzip] }, json]
    into: t
    fields: { id: $id, n: n }
    unmapped: { drop: [zipped], because: it says how n is kept }
tables:
  t: { columns: { id: text, n: integer }, primary_key: [id] }
`)
    const zipped = gzipSync('{"n":1}').toString('base64')
    expect(cells(forward(hash('trace:a', { data: zipped, zipped: 'yes' })))).toEqual([{ id: 'a', n: 1 }])
    expect(cells(forward(hash('trace:b', { data: '{"n":2}', zipped: 'no' })))).toEqual([{ id: 'b', n: 2 }])
    expect(forward(hash('trace:c', { data: '{"n":2}', zipped: 'yes' })).rejects).toMatchObject([
      { code: 'CODEC_MISMATCH' },
    ])
    expect(forward(hash('trace:d', { data: '{"n":2}' })).rejects).toMatchObject([{ code: 'TRANSFORM' }])
    expect(forward(hash('trace:e', { zipped: 'no' })).rejects).toMatchObject([{ code: 'FIELD_MISSING' }])
    expect(forward(hash('trace:f', { data: '{}', zipped: 'no', more: '1' })).unmapped).toEqual(['more'])
  })

  test('sees what has become of the value, and leaves text where none was taken', async () => {
    const { forward } = await compilePlans(`mappings:
  - match: l
    each: item
    decode: [{ if: "r.startsWith('H4')", do: [base64, gzip] }, { if: "value.startsWith('{')", do: json }]
    where: type(r) == map
    into: t
    fields: { id: id }
tables:
  t: { columns: { id: text }, primary_key: [id] }
`)
    const zipped = gzipSync('{"id":"a"}').toString('base64')
    const outcome = forward(list('l', [zipped, '{"id":"b"}', 'bare', '{"id"']))
    expect(cells(outcome)).toEqual([{ id: 'a' }, { id: 'b' }])
    expect(outcome.filtered).toEqual(['index:2'])
    expect(outcome.rejects).toMatchObject([{ code: 'INVALID_JSON', part: 'index:3' }])
  })

  test('has no way back', async () => {
    const { mapping } = await compilePlans(`mappings:
  - { match: 'k:{id}', type: string, decode: [{ if: "r != ''", do: json }], into: t, fields: { id: $id, v: $value } }
tables:
  t: { columns: { id: text, v: jsonb }, primary_key: [id] }
`)
    expect(
      mapping('t')
        .oneWay.map((it) => it.why)
        .join(),
    ).toMatch(/which of its ways/)
  })
})

describe('elements inside of elements', () => {
  const PLAN = `mappings:
  - match: hooks
    each: [field, '*']
    decode: json
    into: t
    fields: { owner: $field, place: $index, id: id }
tables:
  t: { columns: { owner: text, place: integer, id: text not null }, primary_key: [owner, place] }
`
  test('are records of their own, with the field in reach', async () => {
    const { forward } = await compilePlans(PLAN)
    const outcome = forward(
      hash('hooks', { ann: '[{"id":"a"},{"id":"b"}]', bo: '[{"x":1}]', cy: '7', dee: '[]' }),
    )
    expect(cells(outcome)).toEqual([
      { owner: 'ann', place: 0, id: 'a' },
      { owner: 'ann', place: 1, id: 'b' },
    ])
    expect(outcome.rows.map((it) => it.part)).toEqual(['field:ann/index:0', 'field:ann/index:1'])
    expect(outcome.rejects).toMatchObject([
      { code: 'FIELD_MISSING', part: 'field:bo/index:0' },
      { code: 'TYPE_MISMATCH', part: 'field:cy' },
    ])
  })

  test('are not told apart by the key alone, so origins are kept', async () => {
    const { mapping } = await compilePlans(PLAN)
    expect(mapping('t').injective).toBe(false)
  })

  test('want a kind of element first', async () => {
    await expect(compilePlans(PLAN.replace("[field, '*']", "[a, '*']"))).rejects.toThrow(
      /KV013 .*begins with/,
    )
  })
})

describe('a computed column', () => {
  const plan = (cel: string, type = 'jsonb') => `mappings:
  - match: 'k:{id}'
    type: string
    decode: json
    into: t
    fields: { id: $id }
    computed: { v: ${JSON.stringify(cel)} }
tables:
  t: { columns: { id: text, v: ${type} }, primary_key: [id] }
`
  test.each([
    ["{'type': has(r.type) ? r.type : 'dm'}", 'jsonb', {}, '{"type": "dm"}'],
    ['r.a > 1', 'boolean', { a: 2 }, true],
    ['r.a < key.id ? r.a : key.id', 'text', { a: 'a' }, '1'],
    ['[r.a, null]', 'jsonb', { a: 'x' }, '["x", null]'],
    ['null', 'text', {}, null],
  ])('%s gives a %s', async (cel, type, record, expected) => {
    const { forward } = await compilePlans(plan(cel, type))
    const [row] = forward(json('k:1', record)).rows
    expect(row?.cells.v).toEqual(expected)
  })

  test('computes with whole numbers of any size', async () => {
    const { forward } = await compilePlans(plan('r.a', 'bigint'))
    expect(cells(forward(string('k:1', '{"a":9007199254740993}')))).toEqual([
      { id: '1', v: 9007199254740993n },
    ])
  })

  test('refuses numbers that CEL would round', async () => {
    const { forward } = await compilePlans(plan('[r.a]'))
    expect(cells(forward(string('k:1', '{"a":0.25}')))).toEqual([{ id: '1', v: '[0.25]' }])
    expect(forward(string('k:1', '{"a":0.12345678901234567890}')).rejects).toMatchObject([
      { code: 'LOSSY_FLOAT', column: 'v' },
    ])
  })

  test('takes the fields it names, and rejects a record where one is missing', async () => {
    const { forward } = await compilePlans(plan('r.a'))
    expect(forward(json('k:1', { a: 1, b: 2 })).unmapped).toEqual(['b'])
    expect(forward(json('k:1', { b: 2 })).rejects).toMatchObject([{ code: 'TRANSFORM', column: 'v' }])
  })

  test('is one-way', async () => {
    const { mapping } = await compilePlans(plan('r.a'))
    expect(mapping('t').oneWay).toContainEqual({ column: 'v', why: 'it is computed by CEL' })
  })

  test('puts two names in order', async () => {
    const { forward } = await compilePlans(`mappings:
  - match: friends:{u}
    type: set
    each: member
    into: t
    computed: { a: 'key.u < member ? key.u : member', b: 'key.u < member ? member : key.u' }
tables:
  t: { columns: { a: text, b: text }, primary_key: [a, b] }
`)
    expect(cells(forward(set('friends:bo', ['ann', 'cy'])))).toEqual([
      { a: 'ann', b: 'bo' },
      { a: 'bo', b: 'cy' },
    ])
  })

  test.each([
    ['nobody', 'KV036'],
    ['r.a +', 'KV036'],
    ['now()', 'KV036'],
  ])('%s is refused with its place', async (cel, code) => {
    await expect(compilePlans(plan(cel))).rejects.toThrow(new RegExp(`9:.* ${code}`))
  })

  test('has its column for itself', async () => {
    await expect(
      compilePlans(plan('r.a').replace('fields: { id: $id }', 'fields: { id: $id, v: v }')),
    ).rejects.toThrow(/KV060/)
  })
})

test('what is dropped by name is not in rest()', async () => {
  const { forward } = await compilePlans(`mappings:
  - match: 'k:{id}'
    type: string
    decode: json
    into: t
    fields: { id: $id, more: rest() | without_nulls }
    unmapped: { drop: [twin], because: it repeats the id }
tables:
  t: { columns: { id: text, more: jsonb }, primary_key: [id] }
`)
  expect(cells(forward(json('k:1', { twin: 1, a: 2, b: null })))).toEqual([{ id: '1', more: '{"a": 2}' }])
})
