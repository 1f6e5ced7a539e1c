import type { Entry } from '../sources/source.ts'

/** Elements of one entry that are looked at. */
const LOOKED_AT = 20
/** Names that are told, at most. */
const MOST_NAMES = 6

/** What an entry holds: a word for it, and the names of the fields of its records. No value. */
export interface Holding {
  readonly kind: string
  readonly records: readonly (readonly string[])[]
}

/** Looks into an entry. Elements of one collection are taken to be alike; the first few stand for all. */
export function holdingOf({ value }: Entry): Holding {
  switch (value?.type) {
    case undefined:
      return { kind: '', records: [] }
    case 'string':
      return elements('', [value.bytes])
    case 'hash': {
      const values = value.pairs.filter((_, index) => index % 2 === 1)
      const inner = elements('fields: ', values)
      // Documents in every field: the fields are records, and their names are data.
      if (inner.records.length > 0 && inner.records.length === Math.min(values.length, LOOKED_AT))
        return inner
      return { kind: 'fields', records: [value.pairs.filter((_, index) => index % 2 === 0).map(String)] }
    }
    case 'list':
      return elements('items: ', value.items)
    case 'set':
    case 'zset':
      return elements('members: ', value.members)
    case 'stream':
      return {
        kind: 'messages',
        records: value.messages
          .slice(0, LOOKED_AT)
          .map(({ pairs }) => pairs.filter((_, index) => index % 2 === 0).map(String)),
      }
  }
}

/**
 * The same of many entries, in a few words: `json {id, from, to}`. Only names that at least two records have, and half of them, are told: in
 * many stores the names of fields are ids or addresses, which are data.
 */
export function tellHoldings(holdings: readonly Holding[]): string {
  const kinds = new Map<string, number>()
  for (const { kind } of holdings) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const [kind = ''] = [...kinds]
    .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
    .map(([it]) => it)
  const records = holdings.filter((it) => it.kind === kind).flatMap((it) => it.records)
  const others = kinds.size > 1 ? ', or others' : ''
  if (records.length === 0) return `${kind}${others}`
  const seen = new Map<string, number>()
  for (const name of records.flat()) seen.set(name, (seen.get(name) ?? 0) + 1)
  const common = [...seen]
    .filter(([, times]) => times > 1 && times * 2 >= records.length)
    .map(([name]) => name)
  if (common.length === 0) return `${kind}, names not told${others}`
  const told = common.sort().slice(0, MOST_NAMES).join(', ')
  return `${kind} {${told}${seen.size > Math.min(common.length, MOST_NAMES) ? ', …' : ''}}${others}`
}

function elements(prefix: string, values: readonly Buffer[]): Holding {
  const looked = values.slice(0, LOOKED_AT).map(lookInto)
  const [first] = looked
  return {
    kind: `${prefix}${first?.kind ?? 'none'}`,
    records: looked.flatMap((it) => (it.names ? [it.names] : [])),
  }
}

function lookInto(bytes: Buffer): { readonly kind: string; readonly names?: readonly string[] } {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { kind: 'gzip' }
  const text = bytes.toString('utf8')
  if (text.includes('\ufffd')) return { kind: 'bytes' }
  if (/^-?\d+$/.test(text)) return { kind: 'integer' }
  if (/^-?\d+\.\d+$/.test(text)) return { kind: 'number' }
  if (!/^\s*[[{"]/.test(text)) return { kind: 'text' }
  try {
    const json: unknown = JSON.parse(text)
    if (Array.isArray(json)) return { kind: 'json list' }
    if (typeof json === 'string') return { kind: 'json text' }
    return { kind: 'json', names: Object.keys(json as object) }
  } catch {
    return { kind: 'text' }
  }
}
