import { hashRow, ROW_HASH } from '../target/row-hash.ts'
import { BUCKETS, type RowSum } from '../target/row-sums.ts'

/**
 * A set of rows, in binary, summed up in buckets by their keys, so that two sets of any size can be compared in constant memory: equal
 * sets have equal tallies, and where two tallies differ, the difference lies in the buckets that differ. Sums are of 64 bits of a hash
 * that begins elsewhere in every process, so nobody can make rows up that look alike. Postgres can make the same sums (`sumRows`).
 */
export class RowTally {
  readonly #counts = new Uint32Array(BUCKETS)
  readonly #sums = new Uint32Array(2 * BUCKETS)
  readonly #keyIndexes: readonly number[]
  total = 0

  /** Places of the key's fields in the rows, ascending. */
  constructor(keyIndexes: readonly number[]) {
    this.#keyIndexes = keyIndexes
  }

  clear(): void {
    this.#counts.fill(0)
    this.#sums.fill(0)
    this.total = 0
  }

  /** The row that begins at this place. */
  add(bytes: Buffer, start: number): void {
    hashRow(bytes, start, this.#keyIndexes)
    const bucket = ROW_HASH[2]! % BUCKETS
    this.#counts[bucket]! += 1
    this.#sums[2 * bucket]! += ROW_HASH[0]!
    this.#sums[2 * bucket + 1]! += ROW_HASH[1]!
    this.total += 1
  }

  /** Rows that were summed up elsewhere. */
  addSum({ bucket, count, high, low }: RowSum): void {
    this.#counts[bucket]! += count
    this.#sums[2 * bucket]! += high
    this.#sums[2 * bucket + 1]! += low
    this.total += count
  }

  /** Do the two differ anywhere? */
  differs(other: RowTally): boolean {
    for (let bucket = 0; bucket < BUCKETS; bucket++) if (this.#differs(bucket, other)) return true
    return false
  }

  /** Where the two differ. */
  differing(other: RowTally): readonly number[] {
    const found: number[] = []
    for (let bucket = 0; bucket < BUCKETS; bucket++) if (this.#differs(bucket, other)) found.push(bucket)
    return found
  }

  /** Do the two differ in the bucket that this row falls into? */
  differsAt(bytes: Buffer, start: number, other: RowTally): boolean {
    hashRow(bytes, start, this.#keyIndexes)
    return this.#differs(ROW_HASH[2]! % BUCKETS, other)
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
}
