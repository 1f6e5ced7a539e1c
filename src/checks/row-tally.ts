import { randomBytes } from 'node:crypto'
import { fieldAt } from '../target/codec.ts'

const BUCKETS = 65_536

/**
 * A set of rows, in binary, summed up in buckets by their keys, so that two sets of any size can be compared in constant memory: equal
 * sets have equal tallies, and where two tallies differ, the difference lies in the buckets that differ. Sums are of 64 bits of a hash
 * that begins elsewhere in every process, so nobody can make rows up that look alike.
 */
export class RowTally {
  readonly #counts = new Uint32Array(BUCKETS)
  readonly #sums = new Uint32Array(2 * BUCKETS)
  readonly #keyIndexes: readonly number[]
  total = 0

  /** Places of the key's fields in the rows. */
  constructor(keyIndexes: readonly number[]) {
    this.#keyIndexes = keyIndexes
  }

  /** The row that lies between these places. */
  add(bytes: Buffer, start: number, end: number): void {
    const bucket = this.#bucketOf(bytes, start)
    hash(bytes, start, end)
    this.#counts[bucket]! += 1
    this.#sums[2 * bucket]! += FOUND[0]!
    this.#sums[2 * bucket + 1]! += FOUND[1]!
    this.total += 1
  }

  /** Do the two differ anywhere? */
  differs(other: RowTally): boolean {
    for (let bucket = 0; bucket < BUCKETS; bucket++) if (this.#differs(bucket, other)) return true
    return false
  }

  /** Do the two differ in the bucket that this row falls into? */
  differsAt(bytes: Buffer, start: number, other: RowTally): boolean {
    return this.#differs(this.#bucketOf(bytes, start), other)
  }

  /** Rows in buckets that are equal. */
  alike(other: RowTally): number {
    let rows = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      if (!this.#differs(bucket, other)) rows += this.#counts[bucket]!
    return rows
  }

  #differs(bucket: number, other: RowTally): boolean {
    return (
      this.#counts[bucket] !== other.#counts[bucket] ||
      this.#sums[2 * bucket] !== other.#sums[2 * bucket] ||
      this.#sums[2 * bucket + 1] !== other.#sums[2 * bucket + 1]
    )
  }

  #bucketOf(bytes: Buffer, start: number): number {
    let bucket = 0
    for (const index of this.#keyIndexes) {
      const at = fieldAt(bytes, start, index)
      hash(bytes, at, at + 4 + Math.max(0, bytes.readInt32BE(at)))
      bucket = (Math.imul(bucket, 31) + FOUND[0]!) >>> 0
    }
    return bucket % BUCKETS
  }
}

const SEED = randomBytes(16)
const SEEDS = [0, 4, 8, 12].map((at) => SEED.readInt32LE(at)) as [number, number, number, number]

/** What `hash` found. Numbers in an array of their own: nothing is allocated for them. */
const FOUND = new Uint32Array(2)

/** Of the memory that was looked at last: rows lie in few, large pieces of it. */
let view: DataView = new DataView(new ArrayBuffer(0))

// Words of four bytes, two at a time into two lanes of 32 bits, and the next two into two more. Each word changes 64 bits of what is kept.
function hash(bytes: Buffer, start: number, end: number): void {
  if (view.buffer !== bytes.buffer) view = new DataView(bytes.buffer)
  const words = view
  let [a, b, c, d] = SEEDS
  let at = bytes.byteOffset + start
  const last = bytes.byteOffset + end
  for (; at + 16 <= last; at += 16) {
    const one = words.getInt32(at, true)
    const two = words.getInt32(at + 4, true)
    const three = words.getInt32(at + 8, true)
    const four = words.getInt32(at + 12, true)
    a = (rotated(Math.imul(a ^ one, PRIME_1), 13) + two) | 0
    b = rotated(Math.imul(b + two, PRIME_2), 15) ^ one
    c = (rotated(Math.imul(c ^ three, PRIME_1), 13) + four) | 0
    d = rotated(Math.imul(d + four, PRIME_2), 15) ^ three
  }
  for (; at < last; at++) {
    const byte = words.getUint8(at)
    a = rotated(Math.imul(a ^ byte, PRIME_1), 13)
    b = rotated(Math.imul(b + byte, PRIME_2), 15)
  }
  const length = end - start
  FOUND[0] = finished(Math.imul(a ^ length, PRIME_1) ^ finished(c))
  FOUND[1] = finished(Math.imul(b + length, PRIME_2) ^ finished(d + PRIME_3))
}

const PRIME_1 = 0x9e3779b1 | 0
const PRIME_2 = 0x85ebca77 | 0
const PRIME_3 = 0xc2b2ae3d | 0

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

function finished(value: number): number {
  let it = value | 0
  it = Math.imul(it ^ (it >>> 15), PRIME_2)
  it = Math.imul(it ^ (it >>> 13), PRIME_3)
  return (it ^ (it >>> 16)) >>> 0
}
