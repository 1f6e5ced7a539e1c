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
    this.#sums[2 * bucket]! += high
    this.#sums[2 * bucket + 1]! += low
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
      bucket = (Math.imul(bucket, 31) + high) >>> 0
    }
    return bucket % BUCKETS
  }
}

const SEED = randomBytes(8)
const HIGH_SEED = SEED.readInt32LE(0)
const LOW_SEED = SEED.readInt32LE(4)

/** What `hash` found, unsigned. */
let high = 0
let low = 0

// Two lanes of Murmur3's mixing over words of four bytes: one pass, nothing allocated.
function hash(bytes: Buffer, start: number, end: number): void {
  let a = HIGH_SEED
  let b = LOW_SEED
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    a = Math.imul(a ^ Math.imul(word, 0xcc9e2d51), 0x1b873593)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b + word, 0x85ebca6b)
    b = (b << 15) | (b >>> 17)
  }
  for (; at < end; at++) {
    a = Math.imul(a ^ bytes[at]!, 0x1b873593)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b + bytes[at]!, 0x85ebca6b)
    b = (b << 15) | (b >>> 17)
  }
  high = finished(a ^ (end - start))
  low = finished(b + Math.imul(end - start, 0x9e3779b1))
}

function finished(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
