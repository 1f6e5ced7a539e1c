import { bucketOf, emptyHistogram } from '../state/histogram.ts'
import type { Counter, CounterName, Latency, Operation, Side } from '../state/metrics.ts'

interface Measured {
  count: number
  errors: number
  readonly histogram: number[]
}

/** Collects what an instance measures: once for the ledger, which takes it away, and once since the start, for Prometheus. */
export class Recorder {
  readonly #latencies = new Map<string, { readonly since: Measured; readonly total: Measured }>()
  readonly #counters = new Map<string, { since: number; total: number }>()

  /** Measures work on one side. Failures count as errors and not as latencies. */
  async time<T>(plan: string, side: Side, operation: Operation, work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      const result = await work()
      this.#add(plan, side, operation, performance.now() - began)
      return result
    } catch (error) {
      this.#add(plan, side, operation, undefined)
      throw error
    }
  }

  count(plan: string, name: CounterName, by = 1): void {
    const key = JSON.stringify([plan, name])
    const known = this.#counters.get(key) ?? { since: 0, total: 0 }
    this.#counters.set(key, { since: known.since + by, total: known.total + by })
  }

  /** What came together since the last time. */
  take(): { readonly latencies: readonly Latency[]; readonly counters: readonly Counter[] } {
    const latencies = this.#all((it) => it.since)
    const counters = this.#counted('since')
    for (const [key, it] of this.#latencies) this.#latencies.set(key, { since: nothing(), total: it.total })
    for (const it of this.#counters.values()) it.since = 0
    return { latencies, counters }
  }

  /** What `take` gave and could not be stored: it is kept for the next time. */
  putBack({ latencies, counters }: ReturnType<Recorder['take']>): void {
    for (const { plan, side, operation, count, errors, histogram } of latencies) {
      const { since } = this.#measured(plan, side, operation)
      since.count += count
      since.errors += errors
      for (const [bucket, many] of histogram.entries()) since.histogram[bucket]! += many
    }
    for (const { plan, name, count } of counters) {
      const known = this.#counters.get(JSON.stringify([plan, name]))
      if (known) known.since += count
    }
  }

  /** Everything since the start. */
  totals(): { readonly latencies: readonly Latency[]; readonly counters: readonly Counter[] } {
    return { latencies: this.#all((it) => it.total), counters: this.#counted('total') }
  }

  #add(plan: string, side: Side, operation: Operation, millis: number | undefined): void {
    const { since, total } = this.#measured(plan, side, operation)
    for (const it of [since, total]) {
      it.count += 1
      if (millis === undefined) it.errors += 1
      else it.histogram[bucketOf(millis)]! += 1
    }
  }

  #measured(plan: string, side: Side, operation: Operation) {
    const key = JSON.stringify([plan, side, operation])
    const known = this.#latencies.get(key) ?? { since: nothing(), total: nothing() }
    this.#latencies.set(key, known)
    return known
  }

  #all(pick: (it: { readonly since: Measured; readonly total: Measured }) => Measured): Latency[] {
    return [...this.#latencies].flatMap(([key, it]) => {
      const [plan, side, operation] = JSON.parse(key)
      const measured = pick(it)
      return measured.count > 0 ? [{ plan, side, operation, ...measured }] : []
    })
  }

  #counted(which: 'since' | 'total'): Counter[] {
    return [...this.#counters].flatMap(([key, it]) => {
      const [plan, name] = JSON.parse(key)
      return it[which] > 0 ? [{ plan, name, count: it[which] }] : []
    })
  }
}

const nothing = (): Measured => ({ count: 0, errors: 0, histogram: emptyHistogram() })
