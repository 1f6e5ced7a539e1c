import type { Notes } from './notes.ts'
import { ENTRY_TYPES, type Example, type ExampleEntry, type ExampleValue } from './plan.ts'
import { optional, textOf, type YamlNode } from './yaml.ts'

/** Reads one of `examples:`. Undefined where the entry is broken (the schema has said why). */
export function readExample(node: YamlNode, notes: Notes): Example | undefined {
  const written = node.get('entry')
  const entry = written && readEntry(written, notes)
  if (!entry) return undefined
  const rows = (node.get('rows')?.entries ?? []).map(
    ({ key, value }) => [key, value.items.map(rowOf)] as const,
  )
  const rejects = (node.get('rejects')?.items ?? []).flatMap((it) => {
    const code = textOf(it.kind === 'map' ? it.get('code') : it)
    const column = textOf(it.get('column'))
    return code === undefined ? [] : [{ code, ...(column !== undefined && { column }) }]
  })
  return notes.from(node, { entry, rows: new Map(rows), rejects, at: node.at })
}

const rowOf = (row: YamlNode): ReadonlyMap<string, unknown> =>
  new Map(row.entries.map(({ key, value }) => [key, value.value]))

function readEntry(node: YamlNode, notes: Notes): ExampleEntry | undefined {
  const key = bytesOf(node.get('key'))
  const types = ENTRY_TYPES.filter((it) => node.get(it))
  const [type] = types
  if (types.length > 1)
    notes.error('KV012', node.at, `An entry has one type, not ${types.length}: ${types.join(', ')}.`)
  const value = type && node.get(type)
  if (!key || !value) return undefined
  const expiresAt = textOf(node.get('expires_at'))
  return {
    key,
    value: withFieldExpiries(READERS[type](value), node.get('field_expires_at'), notes),
    ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
  }
}

const READERS: { readonly [T in ExampleValue['type']]: (node: YamlNode) => ExampleValue } = {
  string: (node) => ({ type: 'string', bytes: bytesOf(node) ?? Buffer.alloc(0) }),
  hash: (node) => ({ type: 'hash', pairs: pairsOf(node) }),
  list: (node) => ({ type: 'list', items: elements(node) }),
  set: (node) => ({ type: 'set', members: elements(node) }),
  zset: (node) => ({
    type: 'zset',
    members: node.entries.map((it) => Buffer.from(it.key)),
    scores: node.entries.map((it) => Number(it.value.value)),
  }),
  stream: (node) => ({
    type: 'stream',
    messages: node.items.map((it) => ({
      id: textOf(it.get('id')) ?? '',
      pairs: pairsOf({ entries: it.entries.filter(({ key }) => key !== 'id') }),
    })),
  }),
}

// A field that is not named expires with its key.
function withFieldExpiries(value: ExampleValue, written: YamlNode | undefined, notes: Notes): ExampleValue {
  if (!written) return value
  if (value.type !== 'hash') {
    notes.error('KV012', written.at, `Only fields of a hash expire by themselves, not a ${value.type}.`)
    return value
  }
  const expiries = value.pairs
    .filter((_, at) => at % 2 === 0)
    .map((field) => {
      const time = textOf(written.get(field.toString()))
      return time === undefined ? null : Date.parse(time)
    })
  return { ...value, expiries }
}

const pairsOf = ({ entries }: Pick<YamlNode, 'entries'>): readonly Buffer[] =>
  entries.flatMap(({ key, value }) => [Buffer.from(key), bytesOf(value) ?? Buffer.alloc(0)])

const elements = (node: YamlNode): readonly Buffer[] => node.items.flatMap((it) => optional(bytesOf(it)))

// Text is UTF-8; { base64: … } is raw bytes.
function bytesOf(node: YamlNode | undefined): Buffer | undefined {
  const base64 = textOf(node?.get('base64'))
  if (base64 !== undefined) return Buffer.from(base64, 'base64')
  const text = textOf(node)
  return text === undefined ? undefined : Buffer.from(text)
}
