import { ByteStrings } from '../../byte-strings.ts'
import { SourceError } from '../../errors.ts'
import type { EntryType } from '../../plan/plan.ts'
import { PackedHash } from '../packed-hash.ts'
import { parseScore } from '../score.ts'
import type { EntryValue, StreamMessage } from '../source.ts'
import { explain } from './explain.ts'
import { type Reply, ReplyError, type Request } from './resp.ts'

export type CollectionType = Exclude<EntryType, 'string'>

/** How many elements a collection has. */
export const LENGTH: Readonly<Record<CollectionType, string>> = {
  hash: 'HLEN',
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  stream: 'XLEN',
}

/** Adds the command that reads all of a value. */
export function addWhole(request: Request, type: EntryType, key: Buffer): void {
  const [name, ...rest] = WHOLE[type]
  request.add(name, key, ...rest)
}

const WHOLE: Readonly<Record<EntryType, readonly [name: string, ...rest: readonly string[]]>> = {
  string: ['GET'],
  hash: ['HGETALL'],
  list: ['LRANGE', '0', '-1'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1', 'WITHSCORES'],
  stream: ['XRANGE', '-', '+'],
}

/** The reply; undefined for WRONGTYPE, which only says that the key is another thing by now. Throws SourceError for other errors. */
export function fitting(label: string, reply: Reply | undefined): Reply | undefined {
  if (!(reply instanceof ReplyError)) return reply
  if (reply.code === 'WRONGTYPE') return undefined
  throw explain(label, reply)
}

/** What `addWhole`, or a command for a part of it, was answered, as a value. */
export function readValue(type: EntryType, reply: Reply | undefined): EntryValue {
  if (type === 'string') {
    if (!Buffer.isBuffer(reply)) throw unexpected()
    return { type, bytes: reply }
  }
  if (reply instanceof ByteStrings) {
    if (type === 'hash') return new PackedHash(reply)
    throw unexpected()
  }
  if (!Array.isArray(reply)) throw unexpected()
  if (type === 'stream') return { type, messages: reply.map(message) }
  const items = reply as Buffer[]
  switch (type) {
    case 'hash':
      return { type, pairs: items }
    case 'list':
      return { type, items }
    case 'set':
      return { type, members: items }
    case 'zset':
      return scored(items)
  }
}

// Member, score, member, score …
function scored(items: readonly Buffer[]): EntryValue {
  const members: Buffer[] = []
  const scores: number[] = []
  for (let at = 0; at + 1 < items.length; at += 2) {
    members.push(items[at]!)
    const score = parseScore(items[at + 1]!.toString('latin1'))
    if (score === undefined) throw unexpected()
    scores.push(score)
  }
  return { type: 'zset', members, scores }
}

function message(reply: Reply): StreamMessage {
  const [id, pairs] = Array.isArray(reply) ? reply : []
  if (!Buffer.isBuffer(id) || !Array.isArray(pairs)) throw unexpected()
  return { id: id.toString('latin1'), pairs: pairs as Buffer[] }
}

const unexpected = (): SourceError =>
  new SourceError('SOURCE_REPLY', 'Redis answered with another kind of reply than the command has.')
