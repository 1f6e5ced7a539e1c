import { SourceError } from '../../errors.ts'
import { printable } from '../../printable.ts'
import { inParts, PART } from '../part.ts'
import type { Entry } from '../source.ts'
import { Request } from './resp.ts'
import { isSettled, KeyChanged, snapshot } from './snapshot.ts'
import type { Part, Store } from './store.ts'
import { fitting, readValue } from './value.ts'

/**
 * A long list in parts, as it was at one instant. It is read in windows under WATCH, on a connection of its own: if the transaction at the
 * end goes through, nobody wrote to the key meanwhile. If not, the list begins anew, with offset 0. A list that is never left alone for so
 * long is read with one command where it is not too long for that; beyond, SourceError SOURCE_UNSTABLE.
 */
export async function* readList(store: Store, key: Buffer): AsyncGenerator<Part, 'read' | 'again'> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const connection = await store.another()
    try {
      const outcome = yield* readWatched({ ...store, connection }, key)
      if (outcome !== 'changed') return outcome
    } finally {
      // And with it what it still watches.
      connection.close()
    }
  }
  return yield* readAtOnce(store, key)
}

const ATTEMPTS = 5
/** Elements that may come in one answer: memory here, and in Redis's output buffer. */
const AT_ONCE = 200_000

async function* readWatched(store: Store, key: Buffer): AsyncGenerator<Part, 'read' | 'again' | 'changed'> {
  const expiresAt = await expiryOf(store, key)
  if (!isSettled(expiresAt)) return 'again'
  const [watched, length] = await store.connection.ask(new Request().add('WATCH', key).add('LLEN', key))
  if (fitting(store.label, watched) === undefined) return 'again'
  const total = fitting(store.label, length)
  if (typeof total !== 'number' || total === 0) return 'again'
  let held: Entry | undefined
  for (let offset = 0; offset < total; offset += PART) {
    if (held) yield { entries: [held], expired: 0 }
    const window = new Request().add('LRANGE', key, String(offset), String(offset + PART - 1))
    const reply = fitting(store.label, (await store.connection.ask(window))[0])
    if (!Array.isArray(reply) || reply.length !== Math.min(PART, total - offset)) return 'changed'
    held = {
      key,
      type: 'list',
      value: readValue('list', reply),
      expiresAt,
      offset,
      more: offset + PART < total,
    }
  }
  try {
    if ((await expiryOf(store, key)) !== expiresAt) return 'changed'
  } catch (error) {
    if (error instanceof KeyChanged) return 'changed'
    throw error
  }
  yield { entries: [held!], expired: 0 }
  return 'read'
}

// A transaction, and so the end of every WATCH.
async function expiryOf(store: Store, key: Buffer) {
  for (;;) {
    const { expiries } = await snapshot(store, [key], () => {})
    if (expiries[0] !== 'unclear') return expiries[0]
  }
}

async function* readAtOnce(store: Store, key: Buffer): AsyncGenerator<Part, 'read' | 'again'> {
  for (;;) {
    const { replies, expiries } = await snapshot(store, [key], (request) =>
      request.add('LLEN', key).add('LRANGE', key, '0', String(AT_ONCE - 1)),
    )
    const total = fitting(store.label, replies[0])
    const items = fitting(store.label, replies[1])
    const expiresAt = expiries[0]
    if (expiresAt === 'unclear') continue
    if (typeof total !== 'number' || items === undefined || total === 0 || !isSettled(expiresAt))
      return 'again'
    if (total > AT_ONCE)
      throw new SourceError(
        'SOURCE_UNSTABLE',
        `The list "${printable(key)}" of ${store.label} has ${total} elements and was written to each of the ${ATTEMPTS} times it was read.`,
        { hint: 'Run it again when it is quieter, or read a backup: rdb:./dump.rdb.' },
      )
    const value = readValue('list', items)
    for (const entry of inParts({ key, type: 'list', value, expiresAt, offset: 0, more: false }))
      yield { entries: [entry], expired: 0 }
    return 'read'
  }
}
