import { bytesOf } from './part.ts'
import type { Entry } from './source.ts'

/** A page of a file while it is being filled: full at a thousand keys, wanted or not, or 4 MB. */
export class Batch {
  readonly entries: Entry[] = []
  #passed = 0
  #bytes = 0

  get isFull(): boolean {
    return this.#passed >= KEYS || this.#bytes >= BYTES
  }

  pass(): void {
    this.#passed += 1
  }

  add(entry: Entry): void {
    this.entries.push(entry)
    if (entry.value) this.#bytes += bytesOf(entry.value)
  }
}

const KEYS = 1000
const BYTES = 4 * 1024 * 1024
