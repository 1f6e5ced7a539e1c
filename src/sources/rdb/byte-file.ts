import { readSync } from 'node:fs'
import { SourceError } from '../../errors.ts'

/**
 * A file read from front to back, a chunk at a time. What `bytes` gives is a view of a chunk that is never written again; whoever keeps
 * it for long keeps the chunk. Reading is synchronous: a parser that may stop at every byte to wait would cost far more than it gains.
 */
export class ByteFile {
  readonly size: number
  /** For people. */
  readonly label: string
  readonly #descriptor: number
  readonly #seen: ((bytes: Uint8Array, start: number, end: number) => void) | undefined
  #chunk = Buffer.alloc(0)
  /** Offset in the file of the chunk's first byte. */
  #base = 0
  #at = 0

  /** With `seen`, every byte is read, also those that are skipped, and shown to it once and in order. */
  constructor(
    { descriptor, size, label }: { descriptor: number; size: number; label: string },
    seen?: (bytes: Uint8Array, start: number, end: number) => void,
  ) {
    this.#descriptor = descriptor
    this.size = size
    this.label = label
    this.#seen = seen
  }

  get position(): number {
    return this.#base + this.#at
  }

  seek(offset: number): void {
    this.#chunk = this.#chunk.subarray(0, 0)
    this.#base = offset
    this.#at = 0
  }

  byte(): number {
    if (this.#at === this.#chunk.length) this.#load()
    return this.#chunk[this.#at++]!
  }

  /** The next byte, left where it is. */
  peek(): number {
    if (this.#at === this.#chunk.length) this.#load()
    return this.#chunk[this.#at]!
  }

  bytes(count: number): Buffer {
    const start = this.#at
    if (start + count <= this.#chunk.length) {
      this.#at = start + count
      return this.#chunk.subarray(start, start + count)
    }
    this.#require(count)
    const joined = Buffer.allocUnsafe(count)
    let filled = 0
    while (filled < count) {
      if (this.#at === this.#chunk.length) this.#load()
      const copied = this.#chunk.copy(joined, filled, this.#at)
      this.#at += copied
      filled += copied
    }
    return joined
  }

  skip(count: number): void {
    if (this.#at + count <= this.#chunk.length) {
      this.#at += count
      return
    }
    this.#require(count)
    if (this.#seen === undefined) {
      this.seek(this.position + count)
      return
    }
    let left = count
    while (left > 0) {
      if (this.#at === this.#chunk.length) this.#load()
      const step = Math.min(left, this.#chunk.length - this.#at)
      this.#at += step
      left -= step
    }
  }

  /** What is wrong, and at which byte: by default the next one. */
  damaged(what: string, offset: number = this.position): SourceError {
    return new SourceError('SOURCE_CORRUPT', `${this.label} is damaged at byte ${offset}: ${what}.`, {
      hint: 'Take the backup again, or copy it again and compare checksums.',
    })
  }

  // Before memory is asked for: a damaged length may be anything.
  #require(count: number): void {
    const left = this.size - this.position
    if (count > left) throw this.damaged(`${count} bytes should follow, and the file ends after ${left}`)
  }

  #load(): void {
    const offset = this.position
    this.#require(1)
    // A new one each time, for views of the last one may be in use.
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, this.size - offset))
    const read = readSync(this.#descriptor, chunk, 0, chunk.length, offset)
    if (read === 0) throw this.damaged('the file became shorter while it was read')
    this.#seen?.(chunk, 0, read)
    this.#chunk = chunk.subarray(0, read)
    this.#base = offset
    this.#at = 0
  }
}

const CHUNK = 256 * 1024
