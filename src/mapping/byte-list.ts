/** Many short byte strings in one piece of memory: a Buffer of its own for each would be a burden on the garbage collector. */
export class ByteList {
  #bytes = Buffer.allocUnsafe(1 << 12)
  readonly #ends: number[] = []

  get count(): number {
    return this.#ends.length
  }

  add(bytes: Buffer): void {
    const start = this.#ends.at(-1) ?? 0
    if (start + bytes.length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, start + bytes.length))
      this.#bytes.copy(larger, 0, 0, start)
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, start)
    this.#ends.push(start + bytes.length)
  }

  /** A view, until it is taken back. */
  at(index: number): Buffer {
    return this.#bytes.subarray(index === 0 ? 0 : this.#ends[index - 1], this.#ends[index])
  }

  /** Takes back those from `count` on. */
  keep(count: number): void {
    this.#ends.length = count
  }
}
