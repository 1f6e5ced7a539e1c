import { ENTRY_TYPES, type EntryType } from '../../plan/plan.ts'
import { elements, PART } from '../part.ts'
import type { Entry } from '../source.ts'
import { readBig } from './big.ts'
import { explain } from './explain.ts'
import { withFieldExpiries } from './field-expiry.ts'
import { ReplyError, Request } from './resp.ts'
import { isSettled, snapshot } from './snapshot.ts'
import type { Collection, Part, Store, Typed } from './store.ts'
import { addWhole, type CollectionType, fitting, LENGTH, readValue } from './value.ts'

/** Entries under way: what the first round trips brought, and what is only fetched when its turn has come. */
export interface Reading {
  readonly first: Part
  readonly rest?: AsyncIterable<Part>
}

/**
 * Reads whole entries, value and expiry at the same instant. Types are seldom asked for: MGET gives values of strings and of nothing else,
 * HLEN and its like lengths of one type and of nothing else, so all keys are first taken for what most were before, and only the others
 * are asked. Small collections are read together, big ones one by one and in parts. A key that became something else in between is read
 * again, with the commands of all types in one transaction: one fits.
 */
export async function readEntries(store: Store, keys: readonly Buffer[]): Promise<Reading> {
  const entries: Entry[] = []
  const { expected } = store.habits
  const guessed =
    expected === 'string'
      ? NONE
      : await sized(
          store,
          keys.map((key) => ({ key, type: expected })),
        )
  const others = expected === 'string' ? await readStrings(store, keys, entries) : guessed.others
  const { strings, collections, unknown, gone } = sorted(others, await typesOf(store, others))
  const asked = await sized(store, collections)
  const small = [...guessed.small, ...asked.small]
  const big = [...guessed.big, ...asked.big]
  const again = [...(await readStrings(store, strings, entries)), ...asked.others]
  store.habits.expected = mostOf(entries.length, small)
  const vanished = await readBare(store, unknown, entries)
  const [group, ...groups] = grouped(small)
  if (group) again.push(...(await readTogether(store, group, entries)))
  const first = { entries, expired: gone + vanished }
  if (groups.length + big.length + again.length === 0) return { first }
  return { first, rest: remaining(store, groups, big, again) }
}

/** Only which keys are of which type. A key that the user may not look at has type `unknown:noperm`. */
export async function readTypes(store: Store, keys: readonly Buffer[]): Promise<Part> {
  const types = await typesOf(store, keys, NOT_PERMITTED)
  const typed = keys.map((key, index) => ({ key, type: types[index]! }))
  const entries = typed.filter(({ type }) => type === NOT_PERMITTED).map((it) => bare(it, null))
  await readBare(
    store,
    typed.filter(({ type }) => type !== NOT_PERMITTED && type !== 'none'),
    entries,
  )
  return { entries, expired: keys.length - entries.length }
}

/** Collections read together have about so many elements at most. */
const TOGETHER = 20_000
const NOT_PERMITTED = 'noperm'

async function* remaining(
  store: Store,
  groups: readonly (readonly Collection[])[],
  big: readonly Collection[],
  again: Buffer[],
): AsyncGenerator<Part> {
  for (const group of groups) {
    const entries: Entry[] = []
    again.push(...(await readTogether(store, group, entries)))
    yield { entries, expired: 0 }
  }
  for (const collection of big) {
    if ((yield* readBig(store, collection)) === 'again') again.push(collection.key)
  }
  if (again.length > 0) yield* readAgain(store, again)
}

// Keys that were not what they seemed: each by itself, whatever it is by now.
async function* readAgain(store: Store, keys: readonly Buffer[]): AsyncGenerator<Part> {
  const types = await typesOf(store, keys)
  const { collections, gone } = sorted(keys, types)
  if (gone > 0) yield { entries: [], expired: gone }
  const { big } = await sized(store, collections)
  for (const [index, key] of keys.entries()) {
    if (types[index] === 'none') continue
    const collection = big.find((it) => it.key === key)
    if (collection && (yield* readBig(store, collection)) === 'read') continue
    yield await readWhatever(store, key)
  }
}

// Adds the strings among the keys to `entries` and gives the other keys.
async function readStrings(store: Store, keys: readonly Buffer[], entries: Entry[]): Promise<Buffer[]> {
  if (keys.length === 0) return []
  const { replies, expiries } = await snapshot(store, keys, (request) => request.addMany('MGET', keys))
  const values = replies[0]
  if (!Array.isArray(values)) throw explain(store.label, values)
  const others: Buffer[] = []
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    const bytes = values[index]
    const expiresAt = expiries[index]
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
  return others
}

async function typesOf(store: Store, keys: readonly Buffer[], forbidden?: string): Promise<string[]> {
  if (keys.length === 0) return []
  const request = new Request()
  for (const key of keys) request.add('TYPE', key)
  return (await store.connection.ask(request)).map((reply) => {
    if (typeof reply === 'string') return reply
    if (forbidden !== undefined && reply instanceof ReplyError && reply.code === 'NOPERM') return forbidden
    throw explain(store.label, reply)
  })
}

function sorted(keys: readonly Buffer[], types: readonly string[]) {
  const strings: Buffer[] = []
  const collections: Collection[] = []
  const unknown: Typed[] = []
  let gone = 0
  for (const [index, key] of keys.entries()) {
    const type = types[index]!
    if (type === 'string') strings.push(key)
    else if (Object.hasOwn(LENGTH, type)) collections.push({ key, type: type as CollectionType })
    else if (type === 'none') gone += 1
    else unknown.push({ key, type })
  }
  return { strings, collections, unknown, gone }
}

interface Sized {
  readonly small: readonly Small[]
  readonly big: readonly Collection[]
  /** Keys that hold something else, or an empty stream, or nothing. */
  readonly others: readonly Buffer[]
}
type Small = Collection & { readonly length: number }

const NONE: Sized = { small: [], big: [], others: [] }

async function sized(store: Store, collections: readonly Collection[]): Promise<Sized> {
  if (collections.length === 0) return NONE
  const small: Small[] = []
  const big: Collection[] = []
  const others: Buffer[] = []
  const request = new Request()
  for (const { key, type } of collections) request.add(LENGTH[type], key)
  const lengths = await store.connection.ask(request)
  for (const [index, { key, type }] of collections.entries()) {
    const length = fitting(store.label, lengths[index])
    if (typeof length !== 'number' || length === 0) others.push(key)
    else if (length > PART) big.push({ key, type })
    else small.push({ key, type, length })
  }
  return { small, big, others }
}

function mostOf(strings: number, collections: readonly Collection[]): EntryType {
  const counts = new Map<EntryType, number>([['string', strings]])
  for (const { type } of collections) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts].reduce((most, it) => (it[1] > most[1] ? it : most))[0]
}

function grouped(collections: readonly Small[]): Collection[][] {
  const groups: Collection[][] = []
  let total = Infinity
  for (const collection of collections) {
    if (total + collection.length > TOGETHER) {
      groups.push([])
      total = 0
    }
    groups.at(-1)!.push(collection)
    total += collection.length
  }
  return groups
}

// Adds the collections to `entries` and gives the keys that are to be read again.
async function readTogether(
  store: Store,
  collections: readonly Collection[],
  entries: Entry[],
): Promise<Buffer[]> {
  const keys = collections.map(({ key }) => key)
  const { replies, expiries } = await snapshot(store, keys, (request) => {
    for (const { key, type } of collections) addWhole(request, type, key)
    request.packs = collections.every(({ type }) => type === 'hash')
  })
  const again: Buffer[] = []
  const read: Entry[] = []
  for (const [index, { key, type }] of collections.entries()) {
    const reply = fitting(store.label, replies[index])
    const value = reply === undefined ? undefined : readValue(type, reply)
    const expiresAt = expiries[index]
    // Only a stream can be empty and there; which of the two it is will show when it is read again.
    if (value === undefined || elements(value) === 0 || !isSettled(expiresAt)) again.push(key)
    else read.push({ key, type, value, expiresAt, offset: 0, more: false })
  }
  const timed = await withFieldExpiries(store, read)
  entries.push(...timed.entries)
  return [...again, ...timed.again]
}

// Adds entries without values and answers how many of the keys are gone.
async function readBare(store: Store, typed: readonly Typed[], entries: Entry[]): Promise<number> {
  if (typed.length === 0) return 0
  const keys = typed.map(({ key }) => key)
  const { expiries } = await snapshot(store, keys, () => {})
  let gone = 0
  for (const [index, it] of typed.entries()) {
    let expiry = expiries[index]
    while (expiry === 'unclear') expiry = (await snapshot(store, [it.key], () => {})).expiries[0]
    if (isSettled(expiry)) entries.push(bare(it, expiry))
    else gone += 1
  }
  return gone
}

async function readWhatever(store: Store, key: Buffer): Promise<Part> {
  for (;;) {
    const { replies, expiries } = await snapshot(store, [key], (request) => {
      request.add('TYPE', key)
      for (const type of ENTRY_TYPES) addWhole(request, type, key)
    })
    const [type, ...values] = replies
    const expiresAt = expiries[0]
    if (typeof type !== 'string') throw explain(store.label, type)
    if (type === 'none' || expiresAt === 'gone') return { entries: [], expired: 1 }
    if (!isSettled(expiresAt)) continue
    const index = ENTRY_TYPES.indexOf(type as EntryType)
    const known = ENTRY_TYPES[index]
    if (known === undefined) return { entries: [bare({ key, type }, expiresAt)], expired: 0 }
    const value = readValue(known, fitting(store.label, values[index]))
    // All its fields have expired: the server has not got round to the key itself.
    if (known === 'hash' && elements(value) === 0) return { entries: [], expired: 1 }
    const entry = { key, type: known, value, expiresAt, offset: 0, more: false } as const
    const { entries } = await withFieldExpiries(store, [entry])
    if (entries.length > 0) return { entries, expired: 0 }
  }
}

function bare({ key, type }: Typed, expiresAt: number | null): Entry {
  const known = ENTRY_TYPES.find((it) => it === type)
  return { key, type: known ?? `unknown:${type}`, expiresAt, offset: 0, more: false }
}
