/**
 * Byte strings that lie in one piece of memory, as they were received: millions of small ones would be a burden on the garbage collector
 * if each were a Buffer.
 */
export class ByteStrings {
  readonly bytes: Buffer
  /** For each string, where it begins and ends. */
  readonly places: readonly number[]

  constructor(bytes: Buffer, places: readonly number[]) {
    this.bytes = bytes
    this.places = places
  }

  get length(): number {
    return this.places.length >> 1
  }

  /** Bytes of all of them. */
  get size(): number {
    let size = 0
    for (let at = 0; at < this.places.length; at += 2) size += this.places[at + 1]! - this.places[at]!
    return size
  }

  /** Views. */
  list(): Buffer[] {
    const { bytes, places, length } = this
    return Array.from({ length }, (_, it) => bytes.subarray(places[2 * it], places[2 * it + 1]))
  }
}
