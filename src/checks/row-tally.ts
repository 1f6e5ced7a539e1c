const BUCKETS = 65_536

/**
 * A set of row keys summed up in buckets, so that two sets of any size can be compared in constant memory: equal sets have equal tallies,
 * and where two tallies differ, the difference lies in the buckets that differ.
 */
export class RowTally {
  readonly #counts = new Uint32Array(BUCKETS)
  readonly #sums = new Uint32Array(2 * BUCKETS)
  total = 0

  /** `rowKey`: 16 bytes, as good as random. */
  add(rowKey: Buffer): void {
    const bucket = rowKey.readUInt16BE(0)
    this.#counts[bucket]! += 1
    this.#sums[2 * bucket]! ^= rowKey.readUInt32BE(2)
    this.#sums[2 * bucket + 1]! ^= rowKey.readUInt32BE(6)
    this.total += 1
  }

  equals(other: RowTally): boolean {
    for (let bucket = 0; bucket < BUCKETS; bucket++) if (this.#differs(bucket, other)) return false
    return true
  }

  /** Do the two differ in the bucket that this key falls into? */
  differsAt(rowKey: Buffer, other: RowTally): boolean {
    return this.#differs(rowKey.readUInt16BE(0), other)
  }

  #differs(bucket: number, other: RowTally): boolean {
    return (
      this.#counts[bucket] !== other.#counts[bucket] ||
      this.#sums[2 * bucket] !== other.#sums[2 * bucket] ||
      this.#sums[2 * bucket + 1] !== other.#sums[2 * bucket + 1]
    )
  }
}
