import { addMetrics } from '../state/metrics.ts'
import type { Engine } from './engine.ts'
import type { Spent } from './spent.ts'

interface TaskOptions {
  readonly plans: readonly string[]
  readonly instance: string
  readonly drainMillis: number
  readonly ownMillis: number
  readonly spent: Spent
  readonly tellMillis?: number | undefined
}

/** What every instance does beside its work: it carries the outbox on, and tells what it measured. */
export class Tasks {
  readonly #engine: Engine
  readonly #options: TaskOptions
  readonly #timers: NodeJS.Timeout[] = []
  #working: Promise<void> = Promise.resolve()
  /** Whoever cannot reach the source leaves what is waiting to others for a while. */
  #drainFrom = 0

  constructor(engine: Engine, options: TaskOptions) {
    this.#engine = engine
    this.#options = options
    if (options.drainMillis > 0)
      this.#every(options.drainMillis, async () => {
        if (performance.now() < this.#drainFrom) return
        this.#drainFrom = performance.now() + BACK_OFF_MILLIS
        while ((await this.#engine.drain(options.plans, options.ownMillis)) > 0);
        this.#drainFrom = 0
      })
    this.#every(options.tellMillis ?? TELL_MILLIS, () => this.#tell())
  }

  async close(): Promise<void> {
    for (const it of this.#timers) clearInterval(it)
    await this.#working
    await this.#engine.close()
    await this.#tell().catch(() => {})
  }

  #every(millis: number, work: () => Promise<void>): void {
    let isBusy = false
    const timer = setInterval(() => {
      if (isBusy) return
      isBusy = true
      // Out of reach: there is a next time, and `kvmig status` shows what is waiting.
      const done = work()
        .catch(() => {})
        .finally(() => {
          isBusy = false
        })
      this.#working = Promise.all([this.#working, done]).then(() => {})
    }, millis)
    timer.unref()
    this.#timers.push(timer)
  }

  async #tell(): Promise<void> {
    const { recorder, background } = this.#engine.options
    // A role without rights to it is no reason to tell nothing else.
    await this.#options.spent.tell().catch(() => {})
    const told = recorder.take()
    if (told.latencies.length + told.counters.length === 0) return
    try {
      await addMetrics(background, this.#options.instance, told)
    } catch (error) {
      recorder.putBack(told)
      throw error
    }
  }
}

const BACK_OFF_MILLIS = 1000
const TELL_MILLIS = 5000
