import { bytesOf, elements } from '../part.ts'
import type { Entry } from '../source.ts'

/**
 * How many keys to read at once: as many as are worth a round trip, fewer where values are large, so that memory stays flat whatever is
 * in the store. It begins small, since nothing is known of the values yet.
 */
export class PageSize {
  readonly #most: number
  #count: number

  /**
   * No page is of more than `most` keys. `gentle`: whoever else asks the store has to wait for one page at most, so they are small.
   */
  constructor(most: number = MOST, { gentle = false } = {}) {
    this.#most = Math.max(LEAST, Math.min(gentle ? GENTLE : MOST, Math.floor(most)))
    this.#count = Math.min(FIRST, this.#most)
  }

  get count(): number {
    return this.#count
  }

  /** These came together. */
  learn(entries: readonly Entry[]): void {
    let [bytes, items] = [0, 0]
    for (const { value } of entries) {
      if (!value) continue
      bytes += bytesOf(value)
      items += elements(value)
    }
    if (bytes === 0) return
    const fitting = Math.floor(entries.length * Math.min(BYTES / bytes, ITEMS / items))
    this.#count = Math.max(LEAST, Math.min(fitting, this.#count * 2, this.#most))
  }
}

/** The same under a limit of commands a second: a tenth of a second's worth of it. Somebody who sets one wants nobody to notice. */
export const mostAtRate = (perSecond: number): number => Math.max(10, perSecond / 10)

const FIRST = 20
const LEAST = 1
const MOST = 1000
const GENTLE = 200
/** Of the collections of one page: what is kept of each costs the garbage collector more than it costs Redis to be asked more often. */
const ITEMS = 4000
/** Of one page; three are under way. */
const BYTES = 4 * 1024 * 1024
