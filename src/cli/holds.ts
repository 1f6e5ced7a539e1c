import { printable } from '../printable.ts'
import type { Entry } from '../sources/source.ts'

/** Names that are told, at most. */
const MOST_NAMES = 6
/** More fields than this, and they are records rather than names. */
const MOST_FIELDS = 30

/** What an entry holds, without its values: names of fields, the kind of text, counts. */
export function holdsOf({ value, more }: Entry): string {
  switch (value?.type) {
    case undefined:
      return ''
    case 'string':
      return textKind(value.bytes)
    case 'hash': {
      const names = value.pairs.filter((_, index) => index % 2 === 0).map((it) => printable(it))
      if (names.length > MOST_FIELDS || more) return `many fields: ${textKind(value.pairs[1]!)}`
      return `{${namesOf(names)}}`
    }
    case 'list':
      return `items: ${textKind(value.items[0] ?? Buffer.alloc(0))}`
    case 'set':
    case 'zset':
      return `members: ${textKind(value.members[0] ?? Buffer.alloc(0))}`
    case 'stream':
      return `messages {${namesOf((value.messages[0]?.pairs ?? []).filter((_, index) => index % 2 === 0).map((it) => printable(it)))}}`
  }
}

function textKind(bytes: Buffer): string {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip'
  const text = bytes.toString('utf8')
  if (Buffer.byteLength(text) !== bytes.length || text.includes('\ufffd')) return 'bytes'
  if (/^-?\d+$/.test(text)) return 'integer'
  if (/^-?\d+\.\d+$/.test(text)) return 'number'
  if (!/^\s*[[{"]/.test(text)) return 'text'
  try {
    const json: unknown = JSON.parse(text)
    if (Array.isArray(json)) return 'json list'
    if (typeof json === 'string') return 'json text'
    return `json {${namesOf(Object.keys(json as object).map((it) => printable(it)))}}`
  } catch {
    return 'text'
  }
}

// Objects with very many names use them for data.
function namesOf(names: readonly string[]): string {
  if (names.length > MOST_FIELDS) return `${names.length} names`
  const shown = names.toSorted().slice(0, MOST_NAMES).join(', ')
  return names.length > MOST_NAMES ? `${shown}, +${names.length - MOST_NAMES}` : shown
}
