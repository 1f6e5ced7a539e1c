import { isSameNumber } from '../decimal.ts'
import { Decimal, Instant, RejectError, type Value } from '../value.ts'
import { readUtf8, type TextPolicy } from './utf8.ts'

/** How deep lists and maps may lie in each other: as deep as in JSON. */
const MAX_DEPTH = 1000
/** The extension that MessagePack defines itself. */
const TIMESTAMP = -1

/**
 * Reads one MessagePack value, and nothing behind it. Integers keep all 64 bits, doubles their exact value; keys of maps are text and
 * stand once. Throws RejectError: CODEC_MISMATCH for what is no MessagePack or an extension other than the timestamp.
 */
export function readMsgpack(bytes: Buffer, policy: TextPolicy): Value {
  const reader = new Reader(bytes, policy)
  const value = reader.value(0)
  if (!reader.isAtEnd) throw broken('something follows the value')
  return value
}

class Reader {
  readonly #bytes: Buffer
  readonly #policy: TextPolicy
  #at = 0

  constructor(bytes: Buffer, policy: TextPolicy) {
    this.#bytes = bytes
    this.#policy = policy
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  value(depth: number): Value {
    if (depth > MAX_DEPTH)
      throw new RejectError('JSON_TOO_DEEP', `Lists and maps lie in each other more than ${MAX_DEPTH} deep.`)
    const tag = this.#uint(1)
    if (tag < 0x80) return whole(tag)
    if (tag < 0x90) return this.#map(tag & 0x0f, depth)
    if (tag < 0xa0) return this.#list(tag & 0x0f, depth)
    if (tag < 0xc0) return this.#text(tag & 0x1f)
    if (tag >= 0xe0) return whole(tag - 0x100)
    switch (tag) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Buffer.from(this.#take(this.#uint(1 << (tag - 0xc4))))
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#uint(1 << (tag - 0xc7)))
      case 0xca:
        return finite(this.#take(4).readFloatBE(0))
      case 0xcb:
        return finite(this.#take(8).readDoubleBE(0))
      case 0xcc:
      case 0xcd:
      case 0xce:
        return whole(this.#uint(1 << (tag - 0xcc)))
      case 0xcf:
        return whole(this.#take(8).readBigUInt64BE(0))
      case 0xd0:
      case 0xd1:
      case 0xd2: {
        const length = 1 << (tag - 0xd0)
        return whole(this.#take(length).readIntBE(0, length))
      }
      case 0xd3:
        return whole(this.#take(8).readBigInt64BE(0))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (tag - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.#list(this.#uint(2 << (tag - 0xdc)), depth)
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (tag - 0xde)), depth)
    }
    if (tag >= 0xd4 && tag <= 0xd8) return this.#extension(1 << (tag - 0xd4))
    throw broken('a byte that begins nothing')
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw broken('it ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #uint(length: number): number {
    return this.#take(length).readUIntBE(0, length)
  }

  #text(length: number): string {
    return readUtf8(this.#take(length), this.#policy)
  }

  #list(length: number, depth: number): Value {
    const items: Value[] = []
    for (let place = 0; place < length; place++) items.push(this.value(depth + 1))
    return items
  }

  #map(length: number, depth: number): Value {
    const map = new Map<string, Value>()
    for (let place = 0; place < length; place++) {
      const key = this.value(depth + 1)
      if (typeof key !== 'string') throw new RejectError('TYPE_MISMATCH', 'A key of a map is no text.')
      if (map.has(key)) throw new RejectError('DUPLICATE_JSON_KEY', 'A key stands twice in a map.')
      map.set(key, this.value(depth + 1))
    }
    return map
  }

  #extension(length: number): Value {
    const type = this.#take(1).readInt8(0)
    const bytes = this.#take(length)
    if (type !== TIMESTAMP) throw broken(`an extension of type ${type}`)
    const [seconds, nanos] = timestamp(bytes)
    if (nanos % 1000 !== 0)
      throw new RejectError(
        'LOSSY_PRECISION',
        'The time is finer than a microsecond, which Postgres would round.',
      )
    return new Instant(seconds * 1_000_000n + BigInt(nanos / 1000))
  }
}

/** Seconds and nanoseconds, in one of its three forms. */
function timestamp(bytes: Buffer): readonly [bigint, number] {
  switch (bytes.length) {
    case 4:
      return [BigInt(bytes.readUInt32BE(0)), 0]
    case 8: {
      const both = bytes.readBigUInt64BE(0)
      return [both & 0x3ffffffffn, Number(both >> 34n)]
    }
    case 12:
      return [bytes.readBigInt64BE(4), bytes.readUInt32BE(0)]
  }
  throw broken('a timestamp of another length')
}

const whole = (value: number | bigint): Decimal => new Decimal(String(value))

function finite(value: number): Decimal {
  if (!Number.isFinite(value)) throw new RejectError('NON_FINITE', 'The number is infinite or NaN.')
  return new Decimal(Object.is(value, -0) ? '-0' : String(value).replace('e+', 'e'))
}

const broken = (why: string): RejectError =>
  new RejectError('CODEC_MISMATCH', `The bytes are not MessagePack, or not all of it: ${why}.`)

/** A value as MessagePack, each number in its shortest exact form. Throws RejectError for a number that has none. */
export function writeMsgpack(value: Value): Buffer {
  if (value === null || value === undefined) return Buffer.from([0xc0])
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2])
  if (typeof value === 'string') return withLength(Buffer.from(value), TEXT)
  if (Buffer.isBuffer(value)) return withLength(value, BYTES)
  if (value instanceof Decimal) return writeNumber(value.text)
  if (value instanceof Instant) return writeInstant(value.micros)
  if (value instanceof Map)
    return Buffer.concat([
      head(value.size, MAP),
      ...[...(value as ReadonlyMap<string, Value>)].flatMap(([key, it]) => [
        writeMsgpack(key),
        writeMsgpack(it),
      ]),
    ])
  if (Array.isArray(value)) return Buffer.concat([head(value.length, LIST), ...value.map(writeMsgpack)])
  throw new RejectError('TYPE_MISMATCH', 'MessagePack has no date without a time.')
}

/** The tag of a short length and how long it may be, then the tags of lengths in 1, 2 and 4 bytes. */
interface Tags {
  readonly short: number
  readonly most: number
  readonly long: readonly [number | undefined, number, number]
}
const TEXT: Tags = { short: 0xa0, most: 31, long: [0xd9, 0xda, 0xdb] }
const BYTES: Tags = { short: 0, most: -1, long: [0xc4, 0xc5, 0xc6] }
const LIST: Tags = { short: 0x90, most: 15, long: [undefined, 0xdc, 0xdd] }
const MAP: Tags = { short: 0x80, most: 15, long: [undefined, 0xde, 0xdf] }

const withLength = (bytes: Buffer, tags: Tags): Buffer => Buffer.concat([head(bytes.length, tags), bytes])

function head(length: number, { short, most, long: [one, two, four] }: Tags): Buffer {
  if (length <= most) return Buffer.from([short | length])
  if (one !== undefined && length <= 0xff) return Buffer.from([one, length])
  return length <= 0xffff ? tagged(two, length, 2) : tagged(four, length, 4)
}

function tagged(tag: number, value: number, length: number): Buffer {
  const bytes = Buffer.alloc(1 + length)
  bytes[0] = tag
  if (value < 0) bytes.writeIntBE(value, 1, length)
  else bytes.writeUIntBE(value, 1, length)
  return bytes
}

function writeNumber(text: string): Buffer {
  if (/^-?\d{1,20}$/.test(text) && text !== '-0') return writeWhole(BigInt(text))
  const number = Number(text)
  if (!Number.isFinite(number) || !isSameNumber(text, String(number)))
    throw new RejectError('LOSSY_FLOAT', 'A double cannot hold this number exactly.')
  const bytes = Buffer.alloc(9)
  bytes[0] = 0xcb
  bytes.writeDoubleBE(number, 1)
  return bytes
}

function writeWhole(value: bigint): Buffer {
  const number = Number(value)
  if (value >= 0n) {
    if (value < 0x80n) return Buffer.from([number])
    if (value <= 0xffn) return tagged(0xcc, number, 1)
    if (value <= 0xffffn) return tagged(0xcd, number, 2)
    if (value <= 0xffffffffn) return tagged(0xce, number, 4)
  } else {
    if (value >= -32n) return Buffer.from([0x100 + number])
    if (value >= -0x80n) return tagged(0xd0, number, 1)
    if (value >= -0x8000n) return tagged(0xd1, number, 2)
    if (value >= -0x80000000n) return tagged(0xd2, number, 4)
  }
  if (value > 0xffffffffffffffffn || value < -0x8000000000000000n)
    throw new RejectError('INT_OUT_OF_RANGE', 'MessagePack has whole numbers of 64 bits.')
  const bytes = Buffer.alloc(9)
  bytes[0] = value >= 0n ? 0xcf : 0xd3
  if (value >= 0n) bytes.writeBigUInt64BE(value, 1)
  else bytes.writeBigInt64BE(value, 1)
  return bytes
}

function writeInstant(micros: bigint): Buffer {
  const nanos = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const bytes = Buffer.alloc(15)
  bytes.set([0xc7, 12, TIMESTAMP & 0xff])
  bytes.writeUInt32BE(Number(nanos) * 1000, 3)
  bytes.writeBigInt64BE((micros - nanos) / 1_000_000n, 7)
  return bytes
}
