import { HASH, hash64 } from './hash64.ts'

/** Things that are told apart exactly, at most: as many as fit into 34 MB. */
export const MOST_KEYS = 3_000_000
/** The fuller a table, the longer it takes to find a free place. */
const FULLEST = 0.75

/**
 * A set of byte strings, as 64-bit hashes in a table that grows to a fixed size and no further. Which keys a scan has given already: a
 * scan of Redis may give a key twice. Beyond `MOST_KEYS` every key counts as new, and `exact` says so.
 */
export class KeySet {
  #slots = new Uint32Array(2 * 65_536)
  #mask = 65_535
  size = 0

  get exact(): boolean {
    return this.size < MOST_KEYS
  }

  /** True the first time. */
  add(bytes: Buffer, start = 0, end = bytes.length): boolean {
    if (!this.exact) return true
    hash64(bytes, start, end)
    return this.addHash(HASH[0]!, HASH[1]!)
  }

  has(bytes: Buffer, start = 0, end = bytes.length): boolean {
    hash64(bytes, start, end)
    return this.hasHash(HASH[0]!, HASH[1]!)
  }

  /** Something of which the caller has a hash of its own: two halves, unsigned. All in one set are hashed in the same way. */
  addHash(high: number, low: number): boolean {
    if (!this.exact) return true
    if (this.size > FULLEST * this.#mask) this.#grow()
    // Zero is what a free place has.
    const at = this.#find(high, low || 1)
    if (this.#slots[at + 1] !== 0) return false
    this.#slots[at] = high
    this.#slots[at + 1] = low || 1
    this.size += 1
    return true
  }

  hasHash(high: number, low: number): boolean {
    return this.#slots[this.#find(high, low || 1) + 1] !== 0
  }

  /** Where it is, or the free place where it would be. */
  #find(high: number, low: number): number {
    const slots = this.#slots
    const mask = this.#mask
    for (let place = high & mask; ; place = (place + 1) & mask) {
      const at = 2 * place
      if (slots[at + 1] === 0 || (slots[at] === high && slots[at + 1] === low)) return at
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue
      const at = this.#find(old[from]!, old[from + 1]!)
      this.#slots[at] = old[from]!
      this.#slots[at + 1] = old[from + 1]!
    }
  }
}
