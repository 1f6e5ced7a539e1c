import { HASH, hash64 } from '../hash64.ts'
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

  clear(): void {
    this.#counts.fill(0)
    this.#sums.fill(0)
    this.total = 0
  }

  /** The row that lies between these places. */
  add(bytes: Buffer, start: number, end: number): void {
    const bucket = this.#bucketOf(bytes, start)
    hash64(bytes, start, end)
    this.#counts[bucket]! += 1
    this.#sums[2 * bucket]! += HASH[0]!
    this.#sums[2 * bucket + 1]! += HASH[1]!
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
      hash64(bytes, at, at + 4 + Math.max(0, bytes.readInt32BE(at)))
      bucket = (Math.imul(bucket, 31) + HASH[0]!) >>> 0
    }
    return bucket % BUCKETS
  }
}
