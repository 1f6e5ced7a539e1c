import type { CounterName } from '../state/metrics.ts'
import type { Row } from '../value.ts'
import type { Engine } from './engine.ts'
import type { RecordKind } from './record-kind.ts'

export interface ShadowOptions {
  /** Which share of the reads is compared: 0 to 1. */
  readonly share: number
  /** A comparison that takes longer is given up. */
  readonly timeoutMillis: number
  /** Between two looks at a record that differs: a write may be on its way. */
  readonly settleMillis: number
  /** At the same time, at most; more are left out. */
  readonly limit: number
  /** Is the budget of commands used up? Then nothing is compared. */
  readonly isOver?: () => boolean
}

/** Looks at a record that differs so often before it is a divergence. */
const LOOKS = 4

/**
 * Compares a sample of what is read on both sides, off the caller's path. Two sides that differ while their versions differ are a write on
 * its way; that they differ with the same version, or for as long as four looks, is a divergence.
 */
export class Shadow {
  readonly #engine: Engine
  readonly #options: ShadowOptions
  readonly #underWay = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor(engine: Engine, options: ShadowOptions) {
    this.#engine = engine
    this.#options = options
  }

  /** Compares this record, or does not: chance says. Returns at once. */
  maybe(kind: RecordKind, key: Row): void {
    const { share, limit, isOver } = this.#options
    if (isOver?.()) return
    if (this.#underWay.size >= limit || this.#stop.signal.aborted || Math.random() >= share) return
    const work = this.compare(kind, key).then(
      (found) => this.#engine.options.recorder.count(kind.plan, found),
      () => this.#engine.options.recorder.count(kind.plan, 'shadow.error'),
    )
    this.#underWay.add(work)
    work.finally(() => this.#underWay.delete(work))
  }

  /** What a comparison of a record finds, after settling. Throws what the sides throw. */
  async compare(kind: RecordKind, key: Row): Promise<CounterName> {
    const { timeoutMillis, settleMillis } = this.#options
    const until = performance.now() + timeoutMillis
    for (let look = 1; ; look++) {
      const found = await this.#look(kind, key)
      if (found.name === 'shadow.match' || (found.certain && look > 1) || look === LOOKS) return found.name
      if (performance.now() + settleMillis > until) return 'shadow.timeout'
      await pause(settleMillis, this.#stop.signal)
    }
  }

  /** Until those under way are through. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#underWay)
  }

  async #look(
    kind: RecordKind,
    key: Row,
  ): Promise<{ readonly name: CounterName; readonly certain: boolean }> {
    const place = kind.placeOf(key)
    const store = await this.#engine.options.live(kind.source)
    // The target first: what the source says after it cannot be older than what the target knew.
    const target = await this.#engine.rows.look(kind, key, place)
    const [record] = await store.read([place])
    const made = record?.entry && kind.forward(place, record.entry)
    // What the mapping does not take has no row on the other side, either.
    const source = made?.fate === 'row' ? target.encode(made.row) : undefined
    const certain = (record?.version ?? 0) === target.version
    if (source === undefined && target.tuple === undefined) return { name: 'shadow.match', certain }
    if (source === undefined) return { name: 'shadow.missing_in_source', certain }
    if (target.tuple === undefined) return { name: 'shadow.missing_in_target', certain }
    return { name: source.equals(target.tuple) ? 'shadow.match' : 'shadow.mismatch', certain }
  }
}

const pause = (millis: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    timer.unref()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
