import type { Entry, EntryValue, Page } from '../../src/sources/source.ts'

/** An entry as a test writes it: text stands for its UTF-8 bytes. */
export type Bytes = string | Buffer

export const buffer = (bytes: Bytes): Buffer => (typeof bytes === 'string' ? Buffer.from(bytes) : bytes)

export const string = (key: Bytes, value: Bytes, expiresAt: number | null = null): Entry =>
  entry(key, { type: 'string', bytes: buffer(value) }, expiresAt)

export const hash = (key: Bytes, pairs: readonly Bytes[], expiresAt: number | null = null): Entry =>
  entry(key, { type: 'hash', pairs: pairs.map(buffer) }, expiresAt)

/** A hash whose fields expire by themselves: field, value, when. */
export const expiringHash = (
  key: Bytes,
  fields: readonly (readonly [Bytes, Bytes, number | null])[],
  expiresAt: number | null = null,
): Entry =>
  entry(
    key,
    {
      type: 'hash',
      pairs: fields.flatMap(([field, value]) => [buffer(field), buffer(value)]),
      expiries: fields.map(([, , expiry]) => expiry),
    },
    expiresAt,
  )

export const list = (key: Bytes, items: readonly Bytes[], expiresAt: number | null = null): Entry =>
  entry(key, { type: 'list', items: items.map(buffer) }, expiresAt)

export const set = (key: Bytes, members: readonly Bytes[], expiresAt: number | null = null): Entry =>
  entry(key, { type: 'set', members: members.map(buffer) }, expiresAt)

export const zset = (
  key: Bytes,
  members: readonly (readonly [Bytes, number])[],
  expiresAt: number | null = null,
): Entry =>
  entry(
    key,
    {
      type: 'zset',
      members: members.map(([member]) => buffer(member)),
      scores: members.map(([, score]) => score),
    },
    expiresAt,
  )

export const stream = (
  key: Bytes,
  messages: readonly (readonly [string, readonly Bytes[]])[],
  expiresAt: number | null = null,
): Entry =>
  entry(
    key,
    { type: 'stream', messages: messages.map(([id, pairs]) => ({ id, pairs: pairs.map(buffer) })) },
    expiresAt,
  )

const entry = (key: Bytes, value: EntryValue, expiresAt: number | null): Entry => ({
  key: buffer(key),
  type: value.type,
  value,
  expiresAt,
  offset: 0,
  more: false,
})

/** All pages of a scan or a read. */
export async function pagesOf(pages: AsyncIterable<Page>): Promise<Page[]> {
  const all: Page[] = []
  for await (const page of pages) all.push(page)
  return all
}

export const entriesOf = async (pages: AsyncIterable<Page>): Promise<Entry[]> =>
  (await pagesOf(pages)).flatMap(({ entries }) => entries)

/**
 * Entries by key, parts put together, in a form that two stores share: bytes as latin1 text, fields and members sorted. A key that came
 * again counts as it came last. Throws where parts do not follow each other.
 */
export function byKey(entries: readonly Entry[]): Map<string, Comparable> {
  const whole = new Map<string, Entry>()
  for (const part of entries) {
    const key = part.key.toString('latin1')
    const before = whole.get(key)
    if (part.offset === 0) whole.set(key, part)
    else {
      if (!before?.more || !before.value || !part.value)
        throw new Error(`a part of ${key} without the one before`)
      if (length(before.value) !== part.offset)
        throw new Error(`a part of ${key} at ${part.offset}, not ${length(before.value)}`)
      whole.set(key, { ...part, value: joined(before.value, part.value), offset: 0 })
    }
  }
  for (const { key, more } of whole.values())
    if (more) throw new Error(`${key.toString('latin1')} has no last part`)
  return new Map(
    [...whole.values()]
      .map((it) => [it.key.toString('latin1'), comparable(it)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

export interface Comparable {
  readonly type: string
  readonly value: unknown
  readonly expiresAt: number | null
}

function comparable({ type, value, expiresAt }: Entry): Comparable {
  return { type, value: value && content(value), expiresAt }
}

function content(value: EntryValue): unknown {
  const text = (bytes: Buffer) => bytes.toString('latin1')
  switch (value.type) {
    case 'string':
      return text(value.bytes)
    case 'hash':
      return couples(value.pairs.map(text))
        .map((it, index) => {
          const expiry = value.expiries?.[index] ?? null
          return expiry === null ? it : [...it, expiry]
        })
        .sort()
    case 'list':
      return value.items.map(text)
    case 'set':
      return value.members.map(text).sort()
    case 'zset':
      return value.members
        .map((member, index) => [text(member), value.scores[index]] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1))
    case 'stream':
      return value.messages.map(({ id, pairs }) => [id, couples(pairs.map(text))])
  }
}

const couples = (items: readonly string[]): string[][] =>
  items.flatMap((item, index) => (index % 2 === 0 ? [[item, items[index + 1]!]] : []))

function joined(a: EntryValue, b: EntryValue): EntryValue {
  if (a.type === 'hash' && b.type === 'hash') {
    const expiriesOf = ({ pairs, expiries }: typeof a) => expiries ?? new Array(pairs.length / 2).fill(null)
    const expiries = a.expiries || b.expiries ? [...expiriesOf(a), ...expiriesOf(b)] : undefined
    return { type: 'hash', pairs: [...a.pairs, ...b.pairs], ...(expiries && { expiries }) }
  }
  if (a.type === 'list' && b.type === 'list') return { type: 'list', items: [...a.items, ...b.items] }
  if (a.type === 'set' && b.type === 'set') return { type: 'set', members: [...a.members, ...b.members] }
  if (a.type === 'zset' && b.type === 'zset')
    return { type: 'zset', members: [...a.members, ...b.members], scores: [...a.scores, ...b.scores] }
  if (a.type === 'stream' && b.type === 'stream')
    return { type: 'stream', messages: [...a.messages, ...b.messages] }
  throw new Error('parts of different types')
}

function length(value: EntryValue): number {
  if (value.type === 'hash') return value.pairs.length / 2
  if (value.type === 'list') return value.items.length
  if (value.type === 'stream') return value.messages.length
  return value.type === 'string' ? 1 : value.members.length
}
