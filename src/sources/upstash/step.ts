import { SourceError } from '../../errors.ts'
import type { EntryType } from '../../plan/plan.ts'
import { PART } from '../part.ts'
import { distinct, following } from '../redis/big.ts'
import type { Reply } from '../redis/resp.ts'
import { readValue } from '../redis/value.ts'
import type { EntryValue } from '../source.ts'
import type { Command } from './command.ts'

export type Collection = Exclude<EntryType, 'string'>

/** What a step gave, and where the next one begins; undefined: that was all of the collection. */
export interface Step {
  readonly value: EntryValue
  readonly next: string | undefined
}

/** Where a collection begins. */
export const FIRST: Readonly<Record<Collection, string>> = {
  hash: '0',
  set: '0',
  zset: '0',
  list: '0',
  stream: '-',
}

/** Elements a step, about: one command is one unit of the bill, be it for one element or for thousands. */
const STEP = 5000
const MESSAGES = 2000

/**
 * The command that reads a step of a collection. A small one comes whole with the first: nobody has to ask for its length before, which
 * would be billed.
 */
export function stepCommand(type: Collection, key: Buffer, from: string): Command {
  switch (type) {
    case 'hash':
      return ['HSCAN', key, from, 'COUNT', String(STEP)]
    case 'set':
      return ['SSCAN', key, from, 'COUNT', String(STEP)]
    case 'zset':
      return ['ZSCAN', key, from, 'COUNT', String(STEP)]
    case 'stream':
      return ['XRANGE', key, from, '+', 'COUNT', String(MESSAGES)]
    case 'list':
      // One more than a part: then it is known whether there is more.
      return ['LRANGE', key, '0', String(PART)]
  }
}

/** Reads what was answered to it. */
export function readStep(type: Collection, reply: Reply): Step {
  if (!Array.isArray(reply)) throw unexpected()
  if (type === 'list') {
    return { value: readValue(type, reply), next: reply.length > PART ? ALL : undefined }
  }
  if (type === 'stream') {
    const last = reply.length < MESSAGES ? undefined : reply.at(-1)
    if (last === undefined) return { value: readValue(type, reply), next: undefined }
    if (!Array.isArray(last) || !Buffer.isBuffer(last[0])) throw unexpected()
    return { value: readValue(type, reply), next: following(last[0].toString('latin1')) }
  }
  const [cursor, items] = reply
  if (!Array.isArray(items)) throw unexpected()
  const next = cursorText(cursor)
  return {
    value: readValue(type, distinct(items.map(textOf), type === 'set' ? 1 : 2)),
    next: next === '0' ? undefined : next,
  }
}

/** A list has no place in the middle that stays the same: a long one is read again, all of it. */
const ALL = 'all'

/** A cursor as it was answered: a string, or a number. */
export function cursorText(reply: Reply | undefined): string {
  const text = Buffer.isBuffer(reply) ? reply.toString('latin1') : String(reply)
  if (!/^\d{1,20}$/.test(text)) throw unexpected()
  return text
}

// A score may come as a number.
function textOf(item: Reply): Buffer {
  if (Buffer.isBuffer(item)) return item
  if (typeof item === 'number') return Buffer.from(String(item))
  throw unexpected()
}

const unexpected = (): SourceError =>
  new SourceError('SOURCE_REPLY', 'Upstash answered with another kind of reply than the command has.')
