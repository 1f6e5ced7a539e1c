import { describe, expect, test } from 'vitest'
import { compilePlans, hash } from './compiled.ts'

const plan = (decode: string, fields: string, columns: string, more = ''): string => `mappings:
  - match: 'doc:{id}'
    type: hash
    decode: ${decode}
    ${more}
    into: t
    fields: { id: $id, ${fields} }
tables:
  t: { columns: { id: text, ${columns} }, primary_key: [id] }
`
const vector = Buffer.from(Float32Array.from([0.5, -1]).buffer)

describe('fields of a hash', () => {
  test('are decoded each in its own way; the others are text', async () => {
    const { forward } = await compilePlans(
      plan(
        '{ vec: float32, meta: json }',
        'vec: vec, kind: meta.kind, title: title',
        'vec: "real[]", kind: text, title: text',
      ),
    )
    const outcome = forward(hash('doc:1', { vec: vector, meta: '{"kind":"a"}', title: 'T' }))
    expect(outcome.rows.map((it) => it.cells)).toEqual([{ id: '1', vec: [0.5, -1], kind: 'a', title: 'T' }])
  })

  test('that cannot be decoded reject the record', async () => {
    const { forward } = await compilePlans(plan('{ vec: float32 }', 'vec: vec', 'vec: "real[]"'))
    expect(forward(hash('doc:1', { vec: 'abc' })).rejects).toMatchObject([{ code: 'CODEC_MISMATCH' }])
    expect(forward(hash('doc:1', {})).rows.map((it) => it.cells)).toEqual([{ id: '1', vec: null }])
  })

  test('tell what of them nobody takes', async () => {
    const { forward } = await compilePlans(plan('{ meta: json }', 'kind: meta.kind', 'kind: text'))
    expect(forward(hash('doc:1', { meta: '{"kind":"a","more":1}', x: '' })).unmapped).toEqual([
      'meta.more',
      'x',
    ])
  })

  test('can be gone into by each', async () => {
    const { forward } = await compilePlans(
      plan('{ meta: json }', 'page: $index', 'page: integer not null', 'each: meta.pages').replace(
        'primary_key: [id]',
        'primary_key: [id, page]',
      ),
    )
    expect(forward(hash('doc:1', { meta: '{"pages":["a","b"]}' })).rows.map((it) => it.cells)).toEqual([
      { id: '1', page: 0 },
      { id: '1', page: 1 },
    ])
  })

  test('have a way back where their decoders have one', async () => {
    const { mapping } = await compilePlans(
      plan('{ vec: msgpack, meta: json }', 'vec: vec, meta: meta', 'vec: jsonb, meta: jsonb'),
    )
    const entry = hash('doc:1', { vec: Buffer.from('9101', 'hex'), meta: '{"kind":"a"}' })
    const rows: unknown[] = []
    const t = mapping('t')
    t.forward(entry, {
      row: (cells) => rows.push(cells),
      reject: () => {},
      filtered: () => {},
      unmapped: () => {},
    })
    expect(t.oneWay).toEqual([])
    expect(t.inverse?.(rows as never)).toMatchObject({ type: 'hash', value: entry.value })
  })

  test.each([
    ['{ vec: [float32, msgpack] }', /KV037/],
    ['{ vec: float23 }', /KV035/],
  ])('%s is refused', async (decode, message) => {
    await expect(compilePlans(plan(decode, 'vec: vec', 'vec: jsonb'))).rejects.toThrow(message)
  })

  test('belong to a hash that is one record', async () => {
    const text = plan('{ vec: float32 }', 'vec: $value', 'vec: text')
    await expect(compilePlans(text.replace('type: hash', 'type: string'))).rejects.toThrow(
      /KV037 .*names fields of a hash/,
    )
  })
})
