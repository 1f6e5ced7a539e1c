import { type Anomaly, anomalies, type Seen, type Written } from './anomalies.ts'

export type { Seen, Written } from './anomalies.ts'

/** Keeps what happened to some records, to be judged (`anomalies`). */
export class History {
  readonly writes: Written[] = []
  readonly #seen: Seen[] = []
  #time = 0

  /** `began`: the time, where it is measured elsewhere; then all of them are. */
  begin(record: string, value: string | null, began = this.#tick()): Written {
    const write: Written = { record, value, began, ended: undefined, refused: false }
    this.writes.push(write)
    return write
  }

  done(write: Written): void {
    write.ended = this.#tick()
  }

  /** A read: `began` is `now()` from before it. */
  saw(seen: Seen): void {
    this.#seen.push(seen)
  }

  now(): number {
    return this.#tick()
  }

  /** Every read, and the end, against the history. An empty list is what it has to be. */
  anomalies(end: ReadonlyMap<string, string | null>): readonly Anomaly[] {
    return anomalies(this.writes, this.#seen, end)
  }

  /** The same in words. */
  violations(end: ReadonlyMap<string, string | null>): readonly string[] {
    return this.anomalies(end).map(({ kind, what }) => `${kind}: ${what}`)
  }

  #tick(): number {
    this.#time += 1
    return this.#time
  }
}
