import type { EntryValue, StreamMessage } from '../source.ts'
import type { ByteFile } from './byte-file.ts'
import { type Complain, listpack } from './listpack.ts'
import { readLength, readString, readWide, skipString } from './primitives.ts'

/**
 * The version of Redis's way to write streams: 2 added what was deleted, 3 when consumers were last active (src/rdb.c of redis/redis 7.4),
 * 4 (Redis 8.6) what idempotent producers sent, 5 (8.8) what was given back to a group (redis/librdb#93 and #101, RdbStreamListpacks4Parser
 * of ctripcorp/x-pipe).
 */
export type StreamVersion = 1 | 2 | 3 | 4 | 5

/** The messages of a stream, a listpack's worth at a time; consumer groups are skipped. */
export function* readStream(file: ByteFile, version: StreamVersion): Generator<EntryValue> {
  for (let left = readLength(file); left > 0; left--) {
    const at = file.position
    const complain: Complain = (what) => file.damaged(what, at)
    const master = readString(file)
    if (master.length !== 16) throw complain('a stream id of another length than 16')
    const messages = readMessages(master, listpack(readString(file), complain), complain)
    if (messages.length > 0) yield { type: 'stream', messages }
  }
  skipRest(file, version)
}

export function skipStream(file: ByteFile, version: StreamVersion, pass?: (what: string) => void): void {
  for (let left = readLength(file); left > 0; left--) {
    skipString(file)
    skipString(file)
  }
  if (skipRest(file, version) > 0) pass?.('consumer groups of streams')
}

const DELETED = 1
const SAME_FIELDS = 2

// The master entry (count, deleted, fields), then messages: flags, id relative to the master's, fields unless the same, values, length.
function readMessages(master: Buffer, items: readonly Buffer[], complain: Complain): StreamMessage[] {
  const millis = master.readBigUInt64BE(0)
  const sequence = master.readBigUInt64BE(8)
  let at = 2
  const shared = items.slice(3, 3 + number())
  at += shared.length + 1
  const messages: StreamMessage[] = []
  while (at < items.length) {
    const flags = number()
    const id = `${BigInt.asUintN(64, millis + integer())}-${BigInt.asUintN(64, sequence + integer())}`
    const pairs: Buffer[] = []
    if (flags & SAME_FIELDS) for (const field of shared) pairs.push(field, next())
    else for (let left = number(); left > 0; left--) pairs.push(next(), next())
    next()
    if (!(flags & DELETED)) messages.push({ id, pairs })
  }
  return messages

  function next(): Buffer {
    const item = items[at++]
    if (item === undefined) throw complain('a stream that ends within a message')
    return item
  }
  function integer(): bigint {
    const text = next().toString('latin1')
    if (!/^-?\d{1,20}$/.test(text)) throw complain('a message of a stream that is not put together as one')
    return BigInt(text)
  }
  function number(): number {
    return Number(integer())
  }
}

// Answers how many consumer groups there are.
function skipRest(file: ByteFile, version: StreamVersion): number {
  // Length, last id; first id, highest deleted id, entries ever added.
  skipWide(file, version >= 2 ? 8 : 3)
  const count = readLength(file)
  for (let groups = count; groups > 0; groups--) {
    skipString(file)
    // Last delivered id; entries read.
    skipWide(file, version >= 2 ? 3 : 2)
    // Pending: raw id, time of delivery, count.
    for (let pending = readLength(file); pending > 0; pending--) {
      file.skip(24)
      skipWide(file, 1)
    }
    for (let consumers = readLength(file); consumers > 0; consumers--) {
      skipString(file)
      file.skip(version >= 3 ? 16 : 8)
      file.skip(readLength(file) * 16)
    }
    if (version >= 5) file.skip(readLength(file) * 16)
  }
  if (version >= 4) skipProducers(file)
  return count
}

// For how long and how many; each producer with its name and what it sent (name, id of the message); two counters.
function skipProducers(file: ByteFile): void {
  skipWide(file, 2)
  for (let producers = readLength(file); producers > 0; producers--) {
    skipString(file)
    for (let sent = readLength(file); sent > 0; sent--) {
      skipString(file)
      skipWide(file, 2)
    }
  }
  skipWide(file, 2)
}

function skipWide(file: ByteFile, count: number): void {
  for (let left = count; left > 0; left--) readWide(file)
}
