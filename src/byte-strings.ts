/**
 * Byte strings that lie in one piece of memory, as they were received: millions of small ones would be a burden on the garbage collector
 * if each were a Buffer.
 */
export class ByteStrings {
  readonly bytes: Buffer
  /** For each string, where it begins and ends. */
  readonly places: readonly number[]

  /** Bytes of all of them. */
  readonly size: number

  constructor(bytes: Buffer, places: readonly number[], size: number) {
    this.bytes = bytes
    this.places = places
    this.size = size
  }

  get length(): number {
    return this.places.length >> 1
  }

  /** Views. */
  list(): Buffer[] {
    const { bytes, places, length } = this
    return Array.from({ length }, (_, it) => bytes.subarray(places[2 * it], places[2 * it + 1]))
  }
}
