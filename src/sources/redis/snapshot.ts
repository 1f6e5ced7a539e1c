import { SourceError } from '../../errors.ts'
import { explain } from './explain.ts'
import { type Reply, ReplyError, Request } from './resp.ts'
import type { Habits, Store } from './store.ts'

/** When a key expires, in milliseconds since 1970; null: never; gone: there is no such key; unclear: ask again. */
export type Expiry = number | null | 'gone' | 'unclear'

export interface Snapshot {
  /** Replies of the commands that were asked for. */
  readonly replies: readonly Reply[]
  /** For each key. Where no key of the database expires, a key that is not there says null as well. */
  readonly expiries: readonly Expiry[]
}

/** A key that the connection WATCHes was written to since. */
export class KeyChanged extends Error {}

/**
 * Reads values and the expiry of each key at one instant, by MULTI; `values` adds the commands that read the values.
 * Throws SourceError where Redis refuses, and `KeyChanged`.
 */
export async function snapshot(
  { connection, label, database, habits }: Store,
  keys: readonly Buffer[],
  values: (request: Request) => void,
): Promise<Snapshot> {
  for (;;) {
    const mode = habits.expiry
    const request = new Request().add('MULTI')
    values(request)
    const asked = request.commands - 1
    addExpiries(request, mode, keys)
    const replies = await connection.ask(request.add('EXEC'))
    const results = replies.at(-1)
    const refused = replies.slice(0, -1).findIndex((it) => it instanceof ReplyError)
    if (refused > asked && mode !== 'relative') {
      // INFO or PEXPIRETIME is not there, or not for this user: there is another way.
      habits.expiry = mode === 'none' ? 'absolute' : 'relative'
      continue
    }
    if (refused !== -1) throw explain(label, replies[refused])
    if (results === null) throw new KeyChanged()
    if (!Array.isArray(results)) throw explain(label, results)
    const expiries = readExpiries(results.slice(asked), mode, keys.length, database)
    if (expiries !== undefined) return { replies: results.slice(0, asked), expiries }
    habits.expiry = 'absolute'
  }
}

export const isSettled = (expiry: Expiry | undefined): expiry is number | null =>
  expiry === null || typeof expiry === 'number'

/** Keys between two readings of the clock: few, so that the clock seldom moves in between. */
export const TIMED = 32

function addExpiries(request: Request, mode: Habits['expiry'], keys: readonly Buffer[]): void {
  if (mode === 'none') request.add('INFO', 'keyspace')
  else if (mode === 'absolute') for (const key of keys) request.add('PEXPIRETIME', key)
  else {
    for (const [index, key] of keys.entries()) {
      if (index % TIMED === 0) request.add('TIME')
      request.add('PTTL', key)
    }
    request.add('TIME')
  }
}

/**
 * What was answered for `count` keys: to PEXPIRETIME each (`absolute`), to PTTL each with TIME before and after every `TIMED` (`relative`), or
 * to INFO (`none`). Undefined: INFO says that some keys do expire.
 */
export function readExpiries(
  replies: readonly Reply[],
  mode: Habits['expiry'],
  count: number,
  database: number,
): Expiry[] | undefined {
  if (mode === 'none') return nothingExpires(replies[0], database) ? new Array(count).fill(null) : undefined
  if (mode === 'absolute') return replies.map((it) => since(0, it))
  const expiries: Expiry[] = []
  for (let at = 0; expiries.length < count; at += TIMED + 1) {
    const window = Math.min(TIMED, count - expiries.length)
    const before = clock(replies[at])
    // Redis looks at its clock for every command: what is left to live means one instant only if no millisecond passed around it.
    const isExact = before === clock(replies[at + window + 1])
    for (const left of replies.slice(at + 1, at + window + 1)) {
      const expiry = since(before, left)
      expiries.push(isExact || typeof expiry !== 'number' ? expiry : 'unclear')
    }
  }
  return expiries
}

// `db0:keys=1000,expires=0,avg_ttl=0`; without keys there is no line, and nothing to prove.
function nothingExpires(info: Reply | undefined, database: number): boolean {
  if (!Buffer.isBuffer(info)) return false
  const line = new RegExp(`^db${database}:(.*)$`, 'm').exec(info.toString('latin1'))?.[1]
  return line !== undefined && /(^|,)expires=0(,|\s*$)/.test(line)
}

function since(start: number, reply: Reply | undefined): Expiry {
  if (typeof reply !== 'number')
    throw new SourceError(
      'SOURCE_REPLY',
      'Redis was asked when a key expires and answered with something else.',
    )
  if (reply === -1) return null
  return reply === -2 ? 'gone' : start + reply
}

// [seconds, microseconds]
function clock(reply: Reply | undefined): number {
  const [seconds, micros] = Array.isArray(reply) ? reply : []
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}
