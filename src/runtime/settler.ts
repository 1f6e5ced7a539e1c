import { settle } from '../state/outbox.ts'
import type { Place } from '../state/touches.ts'
import type { Target } from '../target/target.ts'

type Entry = Place & { readonly version: number }

/** Takes carried changes out of the outbox, many at a time, behind the callers' backs. What fails stays there, and is carried again. */
export class Settler {
  readonly #target: Target
  readonly #waiting = new Map<string, Entry[]>()
  #working: Promise<void> | undefined

  constructor(target: Target) {
    this.#target = target
  }

  add(plan: string, entries: readonly Entry[]): void {
    const list = this.#waiting.get(plan) ?? []
    list.push(...entries)
    this.#waiting.set(plan, list)
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  /** Until nothing is waiting any more. */
  async close(): Promise<void> {
    while (this.#working) await this.#working
  }

  async #work(): Promise<void> {
    while (this.#waiting.size > 0) {
      // Those of a moment come together: one by one they would cost as much as the writes.
      await new Promise((resolve) => setTimeout(resolve, GATHER_MILLIS))
      const all = [...this.#waiting]
      this.#waiting.clear()
      // An entry that a crash brings back is carried once more, and found to be there.
      for (const [plan, entries] of all)
        await this.#target
          .transaction((tx) => settle(tx, plan, entries), { mayBeForgotten: true })
          .catch(() => {})
    }
  }
}

const GATHER_MILLIS = 20
