import { mergedNode } from './merged-node.ts'
import type { TableName } from './table.ts'
import { readYaml, textOf, type YamlNode } from './yaml.ts'

/** What `into:` says for the table of everything that nobody wants to model. */
export const LEFTOVERS = 'kvmig.leftovers'
export const LEFTOVERS_TABLE: TableName = { schema: 'kvmig', table: 'leftovers' }

/**
 * A row for every string, field, item, member, message: which key and which part of it, the bytes as they are, a score where there is one, and the
 * expiry. A message of a stream has fields, which are text, in place of bytes. Members are named by their SHA-256, for they may be anything.
 */
const TABLE = `leftovers:
  columns:
    key: text
    part: text
    type: text not null
    value: bytea
    fields: jsonb
    score: double precision
    expires_at: timestamptz
  primary_key: [key, part]
`

const PLACES = `
- { type: string, decode: bytes, fields: { key: $key, part: const(''), type: const(string), value: $value, expires_at: $expires_at } }
- { type: hash, each: field, decode: bytes, fields: { key: $key, part: $field, type: const(hash), value: $value, expires_at: $expires_at } }
- { type: list, each: item, decode: bytes, fields: { key: $key, part: $index | text, type: const(list), value: $value, expires_at: $expires_at } }
- { type: set, each: member, decode: bytes, fields: { key: $key, part: $member | sha256, type: const(set), value: $value, expires_at: $expires_at } }
- { type: zset, each: member, decode: bytes, fields: { key: $key, part: $member | sha256, type: const(zset), value: $value, score: $score, expires_at: $expires_at } }
- { type: stream, each: message, fields: { key: $key, part: $message, type: const(stream), fields: $value, expires_at: $expires_at } }
`

/** Does the mapping go into the table of leftovers? Then it says which keys, and nothing else. */
export const isLeftovers = (mapping: YamlNode): boolean => textOf(mapping.get('into')) === LEFTOVERS

/** One mapping for each type of entry, or for the one that is said. */
export function leftoverMappings(mapping: YamlNode): readonly YamlNode[] {
  const type = textOf(mapping.get('type'))
  return read(PLACES)
    .items.filter((it) => type === undefined || textOf(it.get('type')) === type)
    .map((it) => ({ ...mergedNode(mapping, it), at: mapping.at }))
}

/** The table's own entry, as it would stand under `tables:`. */
export const leftoverTable = (): YamlNode['entries'][number] => read(TABLE).entries[0]!

function read(text: string): YamlNode {
  const { root } = readYaml(LEFTOVERS, Buffer.from(text))
  if (!root) throw new Error('the mappings of leftovers are no YAML')
  return root
}
