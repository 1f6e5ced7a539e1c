/** Keys that are told apart exactly, at most; 64 MB. */
const MOST = 4_000_000

/**
 * Which keys a scan has given already, as 64-bit hashes in a table that grows to a fixed size and no further: a scan of Redis may give a
 * key twice. Beyond `MOST` keys every key counts as new, and `exact` says so.
 */
export class KeySet {
  #slots = new Uint32Array(2 * 65_536)
  #mask = 65_535
  size = 0

  get exact(): boolean {
    return this.size < MOST
  }

  /** True the first time. */
  add(key: Buffer): boolean {
    if (!this.exact) return true
    if (this.size * 2 > this.#mask) this.#grow()
    const high = hash(key, 0x811c9dc5)
    const low = hash(key, 0x9e3779b9) || 1
    if (!this.#insert(high, low)) return false
    this.size += 1
    return true
  }

  #insert(high: number, low: number): boolean {
    for (let place = high & this.#mask; ; place = (place + 1) & this.#mask) {
      const at = 2 * place
      if (this.#slots[at + 1] === 0) {
        this.#slots[at] = high
        this.#slots[at + 1] = low
        return true
      }
      if (this.#slots[at] === high && this.#slots[at + 1] === low) return false
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.#insert(old[at]!, old[at + 1]!)
  }
}

// Murmur3's mixing over single bytes; unsigned, so that it compares equal with what a Uint32Array holds.
function hash(bytes: Buffer, seed: number): number {
  let h = seed
  for (let i = 0; i < bytes.length; i++) {
    h = Math.imul(h ^ bytes[i]!, 0x5bd1e995)
    h ^= h >>> 15
  }
  h = Math.imul(h ^ bytes.length, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
