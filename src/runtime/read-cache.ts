/** What one plan says about copies of its records. */
export interface CacheLimits {
  readonly ttlMillis: number
  /** So many records, at most; the one that nobody asked for the longest goes first. */
  readonly entries: number
}

/** Where a record stood when it was read: a change of any of these is a change of the record, or may be. */
export interface Stamp {
  readonly version: number
  /** When Postgres was last told of it; undefined where the source answered, which has versions only. */
  readonly at?: string | undefined
}

/** What a read found, and for how long that may be given out. */
export interface Found<T> {
  readonly value: T
  readonly stamp: Stamp
  readonly lastsMillis?: number
}

interface Entry<T> {
  readonly value: T
  readonly stamp: Stamp
  readonly until: number
}

/**
 * Copies of records, by unit (`unitOf`, in hexadecimal digits). Nothing older than a write of this instance is ever given out, nor is a read
 * that was under way during one kept: a copy is made only where nobody wrote, forgot or emptied from before the read until after it.
 */
export class ReadCache<T> {
  readonly #limits: CacheLimits
  readonly #now: () => number
  readonly #entries = new Map<string, Entry<T>>()
  /** Reads under way, by unit: true as long as what they find may be kept. */
  readonly #filling = new Map<string, Set<{ sound: boolean }>>()
  readonly #writing = new Map<string, number>()
  #epoch = -1

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(limits: CacheLimits, now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#entries.size
  }

  /** The copy of a record, if there is one that is fresh, made by the same epoch. */
  get(unit: string, epoch: number): T | undefined {
    this.#enter(epoch)
    const entry = this.#entries.get(unit)
    if (!entry || this.#writing.has(unit)) return undefined
    this.#entries.delete(unit)
    if (entry.until <= this.#now()) return undefined
    this.#entries.set(unit, entry)
    return entry.value
  }

  /** Begins a read; what it gives takes what was found, or nothing, once. */
  fill(unit: string, epoch: number): (found: Found<T> | undefined) => void {
    this.#enter(epoch)
    const began = this.#now()
    const filling = { sound: !this.#writing.has(unit) }
    const all = this.#filling.get(unit) ?? new Set()
    this.#filling.set(unit, all.add(filling))
    return (found) => {
      all.delete(filling)
      if (all.size === 0 && this.#filling.get(unit) === all) this.#filling.delete(unit)
      if (!found || !filling.sound || epoch !== this.#epoch) return
      const { ttlMillis, entries } = this.#limits
      const { value, stamp, lastsMillis = ttlMillis } = found
      this.#entries.delete(unit)
      this.#entries.set(unit, { value, stamp, until: began + Math.min(ttlMillis, lastsMillis) })
      if (this.#entries.size > entries) this.#entries.delete(this.#entries.keys().next().value!)
    }
  }

  /** Begins a write of these records, and gives what ends it: until then they are read where they are. */
  write(units: readonly string[]): () => void {
    for (const unit of units) {
      this.forget(unit)
      this.#writing.set(unit, (this.#writing.get(unit) ?? 0) + 1)
    }
    return () => {
      for (const unit of units) {
        this.forget(unit)
        const others = this.#writing.get(unit)! - 1
        if (others === 0) this.#writing.delete(unit)
        else this.#writing.set(unit, others)
      }
    }
  }

  /** Somebody changed this record. */
  forget(unit: string): void {
    this.#entries.delete(unit)
    for (const it of this.#filling.get(unit) ?? []) it.sound = false
  }

  /** Anything may have changed. */
  empty(): void {
    this.#entries.clear()
    for (const all of this.#filling.values()) for (const it of all) it.sound = false
  }

  /** The stamps of all copies, for whoever asks whether they still hold. */
  stamps(): ReadonlyMap<string, Stamp> {
    return new Map([...this.#entries].map(([unit, it]) => [unit, it.stamp]))
  }

  // What another route answered may be another side's.
  #enter(epoch: number): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.empty()
  }
}
