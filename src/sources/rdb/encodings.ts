import type { EntryType } from '../../plan/plan.ts'
import { PackedHash } from '../packed-hash.ts'
import { parseScore } from '../score.ts'
import type { EntryValue } from '../source.ts'
import type { ByteFile } from './byte-file.ts'
import { expiring, expiringPacked } from './hash-expiry.ts'
import { type Complain, listpack, listpackStrings } from './listpack.ts'
import { readLength, readString, skipString } from './primitives.ts'
import type { Format } from './records.ts'
import { readStream, type StreamVersion, skipStream } from './stream.ts'
import { intset, ziplist, zipmap } from './ziplist.ts'

/** How the values of one type byte are written. */
export interface Encoding {
  readonly type: EntryType
  /** The value at once, where it is written as one string. */
  readonly whole?: (file: ByteFile) => EntryValue
  /** The value in pieces, in order, so that memory stays constant however long it is. An empty value may have none. */
  readonly pieces: (file: ByteFile) => Iterable<EntryValue>
  /** Passes over it. `pass` is told what of it is no element: `consumer groups of streams`. */
  readonly skip: (file: ByteFile, pass?: (what: string) => void) => void
}

/** Everything that the known versions have, but for the values of modules. */
export function encodingOf(typeByte: number, { server }: Pick<Format, 'server'>): Encoding | undefined {
  return server === 'valkey' && typeByte >= FIRST_OF_EACH ? VALKEY[typeByte] : ENCODINGS[typeByte]
}

/** Is there a value of this kind, of a module's or with an encoding? */
export const isReadable = (typeByte: number, format: Pick<Format, 'server'>): boolean =>
  typeByte === MODULE || encodingOf(typeByte, format) !== undefined

/** The kind of the values of modules. */
const MODULE = 7

type Unpack = (bytes: Buffer, complain: Complain) => Buffer[]
type Wrap = (items: Buffer[], complain: Complain) => EntryValue

const ODD = 'a hash with a field that has no value'

const list: Wrap = (items) => ({ type: 'list', items })
const set: Wrap = (members) => ({ type: 'set', members })
const hash: Wrap = (pairs, complain) => {
  if (pairs.length % 2 === 1) throw complain(ODD)
  return { type: 'hash', pairs }
}
const zset: Wrap = (items, complain) => {
  if (items.length % 2 === 1) throw complain('a sorted set with a member that has no score')
  const members = items.filter((_, index) => index % 2 === 0)
  const scores = members.map((_, index) => {
    const score = parseScore(items[index * 2 + 1]!.toString('latin1'))
    if (score === undefined) throw complain('a score that is no number')
    return score
  })
  return { type: 'zset', members, scores }
}

const ENCODINGS: readonly (Encoding | undefined)[] = [
  inOne('string', (file) => ({ type: 'string', bytes: readString(file) })),
  counted('list', list, 1),
  counted('set', set, 1),
  scored(readTextScore),
  counted('hash', hash, 2),
  scored(readBinaryScore),
  undefined,
  undefined,
  undefined,
  packed('hash', hash, zipmap),
  packed('list', list, ziplist),
  packed('set', set, intset),
  packed('zset', zset, ziplist),
  packed('hash', hash, ziplist),
  { type: 'list', pieces: ziplists, skip: (file) => skipStrings(file, readLength(file)) },
  stream(1),
  inOne('hash', packedHash),
  packed('zset', zset, listpack),
  { type: 'list', pieces: listpacks, skip: skipListpacks },
  stream(2),
  packed('set', set, listpack),
  stream(3),
  expiring('absolute'),
  expiringPacked({ hasEarliest: false }),
  expiring('relative'),
  expiringPacked({ hasEarliest: true }),
  stream(4),
  stream(5),
]

/** From here on Redis and Valkey mean different things by a number. */
const FIRST_OF_EACH = 22

const VALKEY: Readonly<Record<number, Encoding>> = { 22: expiring('valkey') }

/** Elements a piece, where they come one by one. */
const PIECE = 1000

// A count, then strings: `width` for each element.
function counted(type: EntryType, wrap: Wrap, width: 1 | 2): Encoding {
  return {
    type,
    *pieces(file) {
      let left = readLength(file) * width
      while (left > 0) {
        const items: Buffer[] = []
        for (let wanted = Math.min(left, PIECE * width); wanted > 0; wanted--) items.push(readString(file))
        left -= items.length
        yield wrap(items, (what) => file.damaged(what))
      }
    },
    skip: (file) => skipStrings(file, readLength(file) * width),
  }
}

// One string with everything in it.
function inOne(type: EntryType, whole: (file: ByteFile) => EntryValue): Encoding {
  return { type, whole, pieces: (file) => [whole(file)], skip: skipString }
}

function packed(type: EntryType, wrap: Wrap, unpack: Unpack): Encoding {
  return inOne(type, (file) => unpacked(file, wrap, unpack))
}

function packedHash(file: ByteFile): EntryValue {
  const at = file.position
  const complain: Complain = (what) => file.damaged(what, at)
  const strings = listpackStrings(readString(file), complain)
  if (strings.length % 2 === 1) throw complain(ODD)
  return new PackedHash(strings)
}

function unpacked(file: ByteFile, wrap: Wrap, unpack: Unpack): EntryValue {
  const at = file.position
  const complain: Complain = (what) => file.damaged(what, at)
  return wrap(unpack(readString(file), complain), complain)
}

function scored(readScore: (file: ByteFile) => number): Encoding {
  return {
    type: 'zset',
    *pieces(file) {
      for (let left = readLength(file); left > 0; ) {
        const members: Buffer[] = []
        const scores: number[] = []
        for (; left > 0 && members.length < PIECE; left--) {
          members.push(readString(file))
          scores.push(readScore(file))
        }
        yield { type: 'zset', members, scores }
      }
    },
    skip(file) {
      for (let left = readLength(file); left > 0; left--) {
        skipString(file)
        readScore(file)
      }
    },
  }
}

function* ziplists(file: ByteFile): Generator<EntryValue> {
  for (let left = readLength(file); left > 0; left--) yield unpacked(file, list, ziplist)
}

function stream(version: StreamVersion): Encoding {
  return {
    type: 'stream',
    pieces: (file) => readStream(file, version),
    skip: (file, pass) => skipStream(file, version, pass),
  }
}

const PLAIN = 1
const PACKED = 2

function* listpacks(file: ByteFile): Generator<EntryValue> {
  for (let left = readLength(file); left > 0; left--) {
    if (readContainer(file) === PLAIN) yield { type: 'list', items: [readString(file)] }
    else yield unpacked(file, list, listpack)
  }
}

function skipListpacks(file: ByteFile): void {
  for (let left = readLength(file); left > 0; left--) {
    readContainer(file)
    skipString(file)
  }
}

function readContainer(file: ByteFile): number {
  const at = file.position
  const container = readLength(file)
  if (container !== PLAIN && container !== PACKED)
    throw file.damaged('a node of a list that is neither plain nor packed', at)
  return container
}

function skipStrings(file: ByteFile, count: number): void {
  for (let left = count; left > 0; left--) skipString(file)
}

// A length byte, of which three values are a score by themselves, and a number in decimal.
function readTextScore(file: ByteFile): number {
  const at = file.position
  const length = file.byte()
  if (length === 255) return -Infinity
  if (length === 254) return Infinity
  const score = length === 253 ? undefined : parseScore(file.bytes(length).toString('latin1'))
  if (score === undefined) throw file.damaged('a score that is no number', at)
  return score
}

function readBinaryScore(file: ByteFile): number {
  const at = file.position
  const score = file.bytes(8).readDoubleLE(0)
  if (Number.isNaN(score)) throw file.damaged('a score that is no number', at)
  return score
}
