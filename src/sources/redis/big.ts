import { elements } from '../part.ts'
import type { Entry, EntryValue } from '../source.ts'
import { partWithFieldExpiries } from './field-expiry.ts'
import { readList } from './list.ts'
import type { Reply, Request } from './resp.ts'
import { isSettled, snapshot } from './snapshot.ts'
import type { Collection, Part, Store } from './store.ts'
import { fitting, readValue } from './value.ts'

/**
 * A big collection in parts, and whether its key has to be read again because it is something else by now. Hashes, sets and sorted sets
 * come as HSCAN, SSCAN and ZSCAN give them, streams in the order of their ids: what is there all the time is given, what changes
 * meanwhile may be. A list comes as it was at one instant.
 */
export function readBig(store: Store, collection: Collection): AsyncGenerator<Part, 'read' | 'again'> {
  if (collection.type === 'list') return readList(store, collection.key)
  return readSteps(store, collection, collection.type === 'stream' ? byId(collection) : byCursor(collection))
}

/** How a collection is walked, step by step. */
interface Walk {
  readonly start: string
  readonly command: (request: Request, from: string) => void
  /** What the step gave, and where the next one begins; undefined: that was the last. */
  readonly step: (reply: Reply) => { readonly value: EntryValue; readonly next: string | undefined }
}

/** Elements a step, about. */
const STEP = 1000

function byCursor({ key, type }: Collection): Walk {
  const name = type === 'hash' ? 'HSCAN' : type === 'set' ? 'SSCAN' : 'ZSCAN'
  return {
    start: '0',
    command: (request, from) => request.add(name, key, from, 'COUNT', String(STEP)),
    step: (reply) => {
      const [cursor, items] = reply as [Buffer, Buffer[]]
      const next = cursor.toString('latin1')
      return {
        value: readValue(type, distinct(items, type === 'set' ? 1 : 2)),
        next: next === '0' ? undefined : next,
      }
    },
  }
}

function byId({ key, type }: Collection): Walk {
  return {
    start: '-',
    command: (request, from) => request.add('XRANGE', key, from, '+', 'COUNT', String(STEP)),
    step: (reply) => {
      const messages = reply as [Buffer, Reply][]
      const last = messages.length < STEP ? undefined : messages.at(-1)![0].toString('latin1')
      return { value: readValue(type, reply), next: last === undefined ? undefined : following(last) }
    },
  }
}

async function* readSteps(
  store: Store,
  { key, type }: Collection,
  { start, command, step }: Walk,
): AsyncGenerator<Part, 'read' | 'again'> {
  const ask = (from: string) => {
    const asked = snapshot(store, [key], (request) => command(request, from))
    // Asked ahead: it may fail while nobody is waiting for it yet.
    asked.catch(() => {})
    return asked
  }
  // A part is held back until it is known whether another follows.
  let held: Entry | undefined
  let from: string | undefined = start
  let asked = ask(start)
  while (from !== undefined) {
    const { replies, expiries } = await asked
    const reply = fitting(store.label, replies[0])
    const expiresAt = expiries[0]
    if (expiresAt === 'unclear') {
      asked = ask(from)
      continue
    }
    if (reply === undefined || !isSettled(expiresAt)) break
    const { value: read, next } = step(reply)
    if (next !== undefined) asked = ask(next)
    const value = read.type === 'hash' ? await partWithFieldExpiries(store, key, read) : read
    from = next
    if (elements(value) === 0) continue
    if (held) yield { entries: [{ ...held, more: true }], expired: 0 }
    const offset: number = held?.value ? held.offset + elements(held.value) : 0
    held = { key, type, value, expiresAt, offset, more: false }
  }
  if (held) yield { entries: [held], expired: 0 }
  return held && from === undefined ? 'read' : 'again'
}

/** HSCAN and its like may give an element twice within one answer. `width`: 2 where each has a value or a score behind it. */
export function distinct(items: readonly Buffer[], width: 1 | 2): Buffer[] {
  const seen = new Set<string>()
  const kept: Buffer[] = []
  for (let at = 0; at < items.length; at += width) {
    const name = items[at]!.toString('latin1')
    if (seen.has(name)) continue
    seen.add(name)
    for (let part = at; part < at + width; part++) kept.push(items[part]!)
  }
  return kept
}

/** The smallest id after this one: `5-1` → `5-2`. Redis before 6.2 has no exclusive ranges. */
export function following(id: string): string {
  const [millis, sequence] = id.split('-') as [string, string]
  const next = BigInt(sequence) + 1n
  return next < 1n << 64n ? `${millis}-${next}` : `${BigInt(millis) + 1n}-0`
}
