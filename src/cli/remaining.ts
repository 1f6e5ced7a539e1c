import { duration } from '../report/wording.ts'

/** Before that, nobody knows. */
const FIRST_MILLIS = 5_000
const FIRST_SHARE = 0.02

/** Tells how long a step will take, by how far it came since it was first heard of: what a run before it did is no measure of this one. */
export class Remaining {
  #first: { readonly at: number; readonly reached: number } | undefined
  #last: { readonly at: number; readonly reached: number } | undefined

  /** `reached`: 0 to 1. `at`: milliseconds. */
  tell(reached: number | undefined, at: number): void {
    if (reached === undefined) return
    // A scan that began anew is behind where it was.
    if (!this.#last || reached < this.#last.reached) this.#first = { at, reached }
    this.#last = { at, reached }
  }

  /** `37%, about 2 min left`; only how far it is, while nobody can know more; empty where not even that is known. */
  words(): string {
    if (!this.#first || !this.#last) return ''
    const share = `${Math.floor(this.#last.reached * 100)}%`
    const millis = this.#last.at - this.#first.at
    const done = this.#last.reached - this.#first.reached
    if (millis < FIRST_MILLIS || done < FIRST_SHARE || this.#last.reached === 1) return share
    return `${share}, about ${rounded((millis * (1 - this.#last.reached)) / done)} left`
  }
}

// No more digits than there is reason for.
function rounded(millis: number): string {
  if (millis < 60_000) return duration(Math.ceil(millis / 10_000) * 10_000)
  if (millis < 3_600_000) return duration(Math.ceil(millis / 60_000) * 60_000)
  return duration(Math.ceil(millis / 600_000) * 600_000)
}
