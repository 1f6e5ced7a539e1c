import type { LiveRecord } from '../sources/live-store.ts'
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
 * its way; that they differ with the same version, or for as long as four looks, is a divergence. At every look the source is read twice,
 * before the target and after it: what differs from itself is a record that is being written, and tells nothing about the other side.
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
    let wasQuiet = false
    for (let look = 1; ; look++) {
      const found = await this.#look(kind, key)
      if (look === 1)
        this.#engine.options.recorder.count(kind.plan, found.quiet ? 'noise.same' : 'noise.changed')
      wasQuiet ||= found.quiet
      if (found.name === 'shadow.match' || (found.certain && found.quiet && look > 1)) return found.name
      if (look === LOOKS) return wasQuiet ? found.name : 'shadow.churn'
      if (performance.now() + settleMillis > until) return 'shadow.timeout'
      await pause(settleMillis, this.#stop.signal)
    }
  }

  /** Until those under way are through. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#underWay)
  }

  /** `certain`: both sides have the same version. `quiet`: the source said the same before the target was read and after it. */
  async #look(
    kind: RecordKind,
    key: Row,
  ): Promise<{ readonly name: CounterName; readonly certain: boolean; readonly quiet: boolean }> {
    const place = kind.placeOf(key)
    const store = await this.#engine.options.live(kind.source)
    const [before] = await store.read([place])
    // The target before the source's second answer: what that says cannot be older than what the target knew.
    const target = await this.#engine.rows.look(kind, key, place)
    const [record] = await store.read([place])
    const source = bytesOf(kind, key, record, target.encode)
    const certain = (record?.version ?? 0) === target.version
    const quiet =
      before?.version === record?.version && isSame(bytesOf(kind, key, before, target.encode), source)
    return { name: nameOf(source, target.tuple), certain, quiet }
  }
}

/** What the mapping makes of a record. What it does not take has no row on the other side, either. */
function bytesOf(
  kind: RecordKind,
  key: Row,
  record: LiveRecord | undefined,
  encode: (row: Row) => Buffer,
): Buffer | undefined {
  const made = record?.entry && kind.forward(kind.placeOf(key), record.entry)
  return made?.fate === 'row' ? encode(made.row) : undefined
}

function nameOf(source: Buffer | undefined, target: Buffer | undefined): CounterName {
  if (isSame(source, target)) return 'shadow.match'
  if (source === undefined) return 'shadow.missing_in_source'
  return target === undefined ? 'shadow.missing_in_target' : 'shadow.mismatch'
}

const isSame = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b)

const pause = (millis: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    timer.unref()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
