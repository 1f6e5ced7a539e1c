import type { Entry, EntryValue } from './source.ts'

/** A collection of more elements is given in parts of about so many. */
export const PART = 10_000

/** Fields, items, members, messages; a string is one element. */
export function elements(value: EntryValue): number {
  switch (value.type) {
    case 'string':
      return 1
    case 'hash':
      return (value.packed ?? value.pairs).length / 2
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
      return value.packed?.size ?? lengths(value.pairs)
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
export function inParts(entry: Entry, size: number = PART): Iterable<Entry> {
  const { value, ...rest } = entry
  return value === undefined ? [entry] : regroup(rest, [value], size)
}

/**
 * The entries of one key whose value comes in pieces of any length: parts of `size` elements, put together and cut as needed. The first
 * piece of a part is written to.
 */
export function* regroup(
  of: Pick<Entry, 'key' | 'type' | 'expiresAt'>,
  pieces: Iterable<EntryValue>,
  size: number = PART,
): Generator<Entry> {
  let held: EntryValue | undefined
  let offset = 0
  for (const piece of pieces) {
    held = held === undefined ? piece : joined(held, piece)
    // Only when there is more than a part is it certain that the part is not the last.
    for (; elements(held) > size; offset += size) {
      yield { ...of, value: slice(held, 0, size), offset, more: true }
      held = slice(held, size)
    }
  }
  yield { ...of, value: held ?? nothing(of.type), offset, more: false }
}

/** An entry, or a part of one, without the fields that had expired by themselves by then (milliseconds since 1970). */
export function withoutExpiredFields(entry: Entry, now: number): Entry {
  const { value } = entry
  if (value?.type !== 'hash' || value.expiries === undefined) return entry
  return { ...entry, value: livingFields(value, now) }
}

/** The same of a value. */
export function livingFields(value: EntryValue, now: number): EntryValue {
  if (value.type !== 'hash' || !value.expiries?.some((it) => it !== null && it <= now)) return value
  const isAlive = value.expiries.map((it) => it === null || it > now)
  return {
    type: 'hash',
    pairs: value.pairs.filter((_, at) => isAlive[at >> 1]),
    expiries: value.expiries.filter((_, at) => isAlive[at]),
  }
}

function slice(value: EntryValue, start: number, end?: number): EntryValue {
  switch (value.type) {
    case 'string':
      return value
    case 'hash': {
      const pairs = value.pairs.slice(start * 2, end === undefined ? undefined : end * 2)
      const { expiries } = value
      return { type: 'hash', pairs, ...(expiries && { expiries: expiries.slice(start, end) }) }
    }
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

/**
 * Appends to the arrays of `held`, which nobody else has seen yet: copying them for each piece would make a long list quadratic. Either
 * all pieces of a hash have expiries or none has.
 */
export function joined(whole: EntryValue, more: EntryValue): EntryValue {
  const [held, piece] = [unpacked(whole), unpacked(more)]
  for (const [name, items] of Object.entries(piece)) {
    const into: unknown = (held as unknown as Record<string, unknown>)[name]
    if (Array.isArray(into) && Array.isArray(items)) for (const item of items) into.push(item)
  }
  return held
}

/** What is in one piece cannot be added to. */
const unpacked = (value: EntryValue): EntryValue =>
  value.type === 'hash' && value.packed ? { type: 'hash', pairs: value.pairs } : value

function nothing(type: Entry['type']): EntryValue {
  switch (type) {
    case 'hash':
      return { type, pairs: [] }
    case 'list':
      return { type, items: [] }
    case 'set':
      return { type, members: [] }
    case 'zset':
      return { type, members: [], scores: [] }
    case 'stream':
      return { type, messages: [] }
    default:
      return { type: 'string', bytes: Buffer.alloc(0) }
  }
}
