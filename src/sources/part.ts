import type { Entry, EntryValue } from './source.ts'

/** A collection of more elements is given in parts of about so many. */
export const PART = 10_000

/** Fields, items, members, messages; a string is one element. */
export function elements(value: EntryValue): number {
  switch (value.type) {
    case 'string':
      return 1
    case 'hash':
      return value.pairs.length / 2
    case 'list':
      return value.items.length
    case 'stream':
      return value.messages.length
    default:
      return value.members.length
  }
}

/** Bytes of a value's strings. */
export function bytesOf(value: EntryValue): number {
  switch (value.type) {
    case 'string':
      return value.bytes.length
    case 'hash':
      return lengths(value.pairs)
    case 'list':
      return lengths(value.items)
    case 'stream':
      return value.messages.reduce((sum, { pairs }) => sum + lengths(pairs), 0)
    default:
      return lengths(value.members)
  }
}

const lengths = (buffers: readonly Buffer[]): number => {
  let sum = 0
  for (const { length } of buffers) sum += length
  return sum
}

/** A whole entry as the entries a source gives for it: itself, or its parts in order. */
export function* inParts(entry: Entry, size: number = PART): Generator<Entry> {
  const { value } = entry
  const total = value === undefined ? 0 : elements(value)
  if (value === undefined || total <= size) {
    yield entry
    return
  }
  for (let start = 0; start < total; start += size) {
    const end = Math.min(start + size, total)
    yield { ...entry, value: slice(value, start, end), offset: start, more: end < total }
  }
}

function slice(value: EntryValue, start: number, end: number): EntryValue {
  switch (value.type) {
    case 'string':
      return value
    case 'hash':
      return { type: 'hash', pairs: value.pairs.slice(start * 2, end * 2) }
    case 'list':
      return { type: 'list', items: value.items.slice(start, end) }
    case 'set':
      return { type: 'set', members: value.members.slice(start, end) }
    case 'zset':
      return {
        type: 'zset',
        members: value.members.slice(start, end),
        scores: value.scores.slice(start, end),
      }
    case 'stream':
      return { type: 'stream', messages: value.messages.slice(start, end) }
  }
}
