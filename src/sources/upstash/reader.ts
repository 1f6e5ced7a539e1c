import { SourceError } from '../../errors.ts'
import { ENTRY_TYPES } from '../../plan/plan.ts'
import { printable } from '../../printable.ts'
import { elements, inParts } from '../part.ts'
import { ReplyError } from '../redis/resp.ts'
import { isSettled } from '../redis/snapshot.ts'
import type { Part, Typed } from '../redis/store.ts'
import { fitting, readValue } from '../redis/value.ts'
import type { Entry, EntryValue } from '../source.ts'
import { explain } from './explain.ts'
import { snapshot } from './snapshot.ts'
import { type Collection, FIRST, readStep, stepCommand } from './step.ts'
import type { Store } from './store.ts'

/**
 * Reads whole entries of known types, value and expiry at the same instant, with as few commands as can be: one for many strings, one for
 * a small collection, and one for each expiry. A key that became something else in between is read again.
 */
export async function* readEntries(store: Store, typed: readonly Typed[]): AsyncGenerator<Part> {
  const again: Buffer[] = []
  const strings = typed.filter(({ type }) => type === 'string').map(({ key }) => key)
  for await (const { entries, others } of readStrings(store, strings)) {
    yield { entries, expired: 0 }
    again.push(...others)
  }
  const collections = typed.filter(isCollection)
  for (let at = 0; at < collections.length; ) {
    const some = collections.slice(at, at + store.size.count)
    yield* readTogether(store, some, again)
    at += some.length
  }
  const unknown = typed.filter((it) => it.type !== 'string' && !isCollection(it))
  for (const { key, type } of unknown) yield* readBare(store, key, type)
  for (const key of again) yield* readAgain(store, key)
}

/** Reads keys of which nothing is known. Nothing comes of those that are not there. */
export async function* readUntyped(store: Store, keys: readonly Buffer[]): AsyncGenerator<Part> {
  const others: Buffer[] = []
  for await (const part of readStrings(store, keys)) {
    yield { entries: part.entries, expired: 0 }
    others.push(...part.others)
  }
  const types = await typesOf(store, others)
  const typed = others.map((key, index) => ({ key, type: types[index]! }))
  for await (const { entries } of readEntries(
    store,
    typed.filter(({ type }) => type !== 'none'),
  ))
    yield { entries, expired: 0 }
}

/** The types of keys, one command each; `none` for a key that is not there. */
export async function typesOf(store: Store, keys: readonly Buffer[]): Promise<string[]> {
  const replies = await store.client.pipeline(keys.map((key) => ['TYPE', key]))
  return replies.map((reply) => {
    if (Buffer.isBuffer(reply)) return reply.toString('latin1')
    throw explain(store.label, reply instanceof ReplyError ? reply : unexpected())
  })
}

const isCollection = (typed: Typed): typed is Typed<Collection> =>
  typed.type !== 'string' && (ENTRY_TYPES as readonly string[]).includes(typed.type)

/** Strings that were read, and keys that hold something else, or nothing. */
interface Strings {
  readonly entries: readonly Entry[]
  readonly others: readonly Buffer[]
}

async function* readStrings(store: Store, keys: readonly Buffer[]): AsyncGenerator<Strings> {
  for (let at = 0; at < keys.length; ) {
    const some = keys.slice(at, at + fittingKeys(keys.slice(at, at + store.size.count)))
    for (const it of await inHalves(some, (part) => readStringsAtOnce(store, part))) yield it
    at += some.length
  }
}

async function readStringsAtOnce(store: Store, keys: readonly Buffer[]): Promise<Strings> {
  const { replies, expiries } = await snapshot(store, keys, [['MGET', ...keys]])
  const values = replies[0]
  if (!Array.isArray(values) || values.length !== keys.length)
    throw explain(store.label, values instanceof ReplyError ? values : unexpected())
  const entries: Entry[] = []
  const others: Buffer[] = []
  for (const [index, key] of keys.entries()) {
    const [bytes, expiresAt] = [values[index], expiries[index]]
    if (Buffer.isBuffer(bytes) && isSettled(expiresAt))
      entries.push({
        key,
        type: 'string',
        value: { type: 'string', bytes },
        expiresAt,
        offset: 0,
        more: false,
      })
    else others.push(key)
  }
  store.size.learn(entries)
  return { entries, others }
}

async function* readTogether(
  store: Store,
  collections: readonly Typed<Collection>[],
  again: Buffer[],
): AsyncGenerator<Part> {
  const pairs = await inHalves(collections, async (some) => {
    const { replies, expiries } = await snapshot(
      store,
      some.map(({ key }) => key),
      some.map(({ key, type }) => stepCommand(type, key, FIRST[type])),
    )
    return some.map((it, index) => ({ ...it, reply: replies[index], expiresAt: expiries[index] }))
  })
  const entries: Entry[] = []
  const long: { readonly held: Entry & { value: EntryValue }; readonly next: string }[] = []
  let expired = 0
  for (const { key, type, reply, expiresAt } of pairs.flat()) {
    const fits = fitting(store.label, reply)
    if (expiresAt === 'gone') expired += 1
    else if (fits === undefined || !isSettled(expiresAt)) again.push(key)
    else {
      const { value, next } = readStep(type, fits)
      const entry = { key, type, value, expiresAt, offset: 0, more: false }
      if (next !== undefined) long.push({ held: entry, next })
      else if (elements(value) === 0 && type !== 'stream') again.push(key)
      else entries.push(entry)
    }
  }
  store.size.learn(entries)
  yield { entries, expired }
  for (const { held, next } of long) {
    const outcome =
      held.type === 'list' ? yield* readLongList(store, held.key) : yield* readOn(store, held, next)
    if (outcome === 'again') again.push(held.key)
  }
}

/**
 * The rest of a big hash, set, sorted set or stream, step by step: what is there all the time is given, what changes meanwhile may be.
 * `again`: it is something else by now.
 */
async function* readOn(
  store: Store,
  first: Entry & { readonly value: EntryValue },
  from: string,
): AsyncGenerator<Part, 'read' | 'again'> {
  const { key } = first
  const type = first.type as Collection
  // A part is held back until it is known whether another follows.
  let held = first
  for (let next: string | undefined = from; next !== undefined; ) {
    const { replies, expiries } = await snapshot(store, [key], [stepCommand(type, key, next)])
    const reply = fitting(store.label, replies[0])
    const expiresAt = expiries[0]
    if (expiresAt === 'unclear') continue
    if (reply === undefined || !isSettled(expiresAt)) return 'again'
    const step = readStep(type, reply)
    next = step.next
    if (elements(step.value) === 0) continue
    yield { entries: [{ ...held, more: true }], expired: 0 }
    const offset = held.offset + elements(held.value)
    held = { key, type, value: step.value, expiresAt, offset, more: false }
  }
  yield { entries: [held], expired: 0 }
  return 'read'
}

/** All of a long list, as it was at one instant: a record is never larger than Upstash's limit for one. */
async function* readLongList(store: Store, key: Buffer): AsyncGenerator<Part, 'read' | 'again'> {
  const { replies, expiries } = await snapshot(store, [key], [['LRANGE', key, '0', '-1']])
  const reply = fitting(store.label, replies[0])
  const expiresAt = expiries[0]
  if (reply === undefined || !isSettled(expiresAt)) return 'again'
  const value = readValue('list', reply)
  for (const entry of inParts({ key, type: 'list', value, expiresAt, offset: 0, more: false }))
    yield { entries: [entry], expired: 0 }
  return 'read'
}

async function* readBare(store: Store, key: Buffer, type: string): AsyncGenerator<Part> {
  const { expiries } = await snapshot(store, [key], [])
  const expiresAt = expiries[0]
  if (expiresAt === 'gone') yield { entries: [], expired: 1 }
  else if (!isSettled(expiresAt)) yield* readBare(store, key, type)
  else yield { entries: [{ key, type: `unknown:${type}`, expiresAt, offset: 0, more: false }], expired: 0 }
}

/** How often a key is read that turns out to be of another type each time. */
const ATTEMPTS = 10

// A key that was not what it seemed: by itself, whatever it is by now.
async function* readAgain(store: Store, key: Buffer): AsyncGenerator<Part> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [type = 'none'] = await typesOf(store, [key])
    if (type === 'none') return yield { entries: [], expired: 1 }
    const again: Buffer[] = []
    if (type === 'string') {
      const { entries, others } = await readStringsAtOnce(store, [key])
      if (entries.length > 0) yield { entries, expired: 0 }
      again.push(...others)
    } else if (isCollection({ key, type })) {
      yield* readTogether(store, [{ key, type: type as Collection }], again)
    } else yield* readBare(store, key, type)
    if (again.length === 0) return
  }
  throw new SourceError(
    'SOURCE_UNSTABLE',
    `The key "${printable(key)}" of ${store.label} was of another type each of the ${ATTEMPTS} times it was read.`,
    { hint: 'Run it again when it is quieter, or read a backup: rdb:./backup.rdb.' },
  )
}

/** Bytes of keys in a request, beside which every key has commands of its own. */
const KEY_BYTES = 200_000

// So many of the keys fit into a request: at least one.
function fittingKeys(keys: readonly Buffer[]): number {
  let bytes = 0
  const first = keys.findIndex((key) => {
    bytes += 40 + key.length
    return bytes > KEY_BYTES
  })
  return first === -1 ? keys.length : Math.max(1, first)
}

/** Does work for some keys; where that is too large for one request, for half of them and half of them. */
async function inHalves<K, T>(keys: readonly K[], work: (keys: readonly K[]) => Promise<T>): Promise<T[]> {
  try {
    return [await work(keys)]
  } catch (error) {
    if (!(error instanceof SourceError && error.code === 'SOURCE_TOO_LARGE') || keys.length < 2) throw error
    const middle = Math.ceil(keys.length / 2)
    return [...(await inHalves(keys.slice(0, middle), work)), ...(await inHalves(keys.slice(middle), work))]
  }
}

export const unexpected = (): SourceError =>
  new SourceError('SOURCE_REPLY', 'Upstash answered with another kind of reply than the command has.')
