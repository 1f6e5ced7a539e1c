import { startsWith } from '../prefix.ts'
import type { Cursor, Page, Selection } from '../source.ts'
import { readBare, readWhole } from './apart.ts'
import { explain } from './explain.ts'
import { startingWith } from './glob.ts'
import type { PageSize } from './page-size.ts'
import type { Reading } from './reader.ts'
import { Request } from './resp.ts'
import type { Part, Store } from './store.ts'

/** Where a scan begins, and the cursor of what comes after the last page: nothing. */
export const START: Cursor = '0'
export const END: Cursor = 'end'

/** Pages that are read ahead of the one that was asked for. */
const AHEAD = 3

/**
 * The pages from a cursor on, over one connection; the last one has cursor `END`. SCAN runs ahead: while a page is being used, the values
 * of the next ones and the keys of the one after are on their way.
 */
export async function* scanPages(
  store: Store,
  selection: Selection,
  from: Cursor,
  size: PageSize,
): AsyncGenerator<Page> {
  const list = (cursor: Cursor) => unawaited(listKeys(store, selection.prefix, cursor, size.count))
  const ahead: Promise<Listed & Reading>[] = []
  let listing: Promise<Listed> | undefined = list(from)
  for (;;) {
    while (listing && ahead.length < AHEAD) {
      const listed: Listed = await listing
      // Before the values of this page are asked for, so that the answer is not behind them.
      listing = listed.next === END ? undefined : list(listed.next)
      ahead.push(unawaited(readListed(store, selection, listed, size)))
    }
    const page = await ahead.shift()
    if (page === undefined) return
    if (page.rest === undefined) yield { ...page.first, cursor: page.next }
    else {
      yield page.first
      yield* page.rest
      yield { entries: [], expired: 0, cursor: page.next }
    }
  }
}

interface Listed {
  readonly keys: readonly Buffer[]
  readonly next: Cursor
}

async function listKeys(
  { connection, label }: Store,
  prefix: Buffer,
  cursor: Cursor,
  count: number,
): Promise<Listed> {
  const matching = prefix.length === 0 ? [] : ['MATCH', startingWith(prefix)]
  const [reply] = await connection.ask(new Request().add('SCAN', cursor, ...matching, 'COUNT', String(count)))
  if (!Array.isArray(reply)) throw explain(label, reply)
  const [next, keys] = reply as [Buffer, Buffer[]]
  const following = next.toString('latin1')
  return {
    keys: keys.filter((key) => startsWith(key, prefix)),
    next: following === START ? END : following,
  }
}

async function readListed(
  store: Store,
  { want }: Selection,
  { keys, next }: Listed,
  size: PageSize,
): Promise<Listed & Reading> {
  const whole: Buffer[] = []
  const bare: Buffer[] = []
  for (const key of keys) {
    const wanted = want(key)
    if (wanted === 'entry') whole.push(key)
    else if (wanted === 'key') bare.push(key)
  }
  const types = bare.length === 0 ? NOTHING : await readBare(store, bare)
  const reading: Reading = whole.length === 0 ? { first: NOTHING } : await readWhole(store, whole)
  size.learn(reading.first.entries)
  return { ...reading, first: together(types, reading.first), keys, next }
}

const NOTHING: Part = { entries: [], expired: 0 }

function together(a: Part, b: Part): Part {
  if (a === NOTHING) return b
  return { entries: [...a.entries, ...b.entries], expired: a.expired + b.expired }
}

// It is awaited later, or never if the scan is left before: a failure until then is nobody's unhandled rejection.
function unawaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
