import type { CounterName } from '../state/metrics.ts'
import type { Place } from '../state/touches.ts'
import type { Engine } from './engine.ts'
import type { EntryKind } from './entry-kind.ts'
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
  /** Is the budget of a source's commands nearly used up? Then nothing of it is compared. */
  readonly isOver?: (source: string) => boolean
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

  /** Compares what is chosen, or does not: chance says, before anything is chosen. Returns at once. */
  maybe(choose: () => Compared | undefined): void {
    const { share, limit, isOver } = this.#options
    if (this.#underWay.size >= limit || this.#stop.signal.aborted || Math.random() >= share) return
    const chosen = choose()
    if (!chosen || isOver?.(chosen.kind.source)) return
    const { recorder } = this.#engine.options
    const { plan } = chosen.kind
    const work = this.compare(chosen).then(
      (found) => found && recorder.count(plan, found),
      () => recorder.count(plan, 'shadow.error'),
    )
    this.#underWay.add(work)
    work.finally(() => this.#underWay.delete(work))
  }

  /** What a comparison finds, after settling; undefined: nothing that tells. Throws what the sides throw. */
  async compare(compared: Compared): Promise<CounterName | undefined> {
    const { timeoutMillis, settleMillis } = this.#options
    const until = performance.now() + timeoutMillis
    let wasQuiet = false
    for (let look = 1; ; look++) {
      const found = await this.#look(compared)
      if (!found) return undefined
      if (look === 1)
        this.#engine.options.recorder.count(compared.kind.plan, found.quiet ? 'noise.same' : 'noise.changed')
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

  /** `certain`: no write is on its way. `quiet`: the source said the same before the target was read and after it. */
  async #look({
    kind,
    place,
  }: Compared): Promise<
    { readonly name: CounterName; readonly certain: boolean; readonly quiet: boolean } | undefined
  > {
    const store = await this.#engine.options.live(kind.source)
    const [before] = await store.read([place])
    // The target before the source's second answer: what that says cannot be older than what the target knew.
    const target = await this.#engine.rows.look(kind, place)
    const [record] = await store.read([place])
    // What has expired is gone from the source, and in Postgres by its column, which only records of one row are asked for here.
    if ('mappings' in kind && !record?.entry && kind.mappings.some((it) => it.takesExpiry)) return undefined
    const source = target.encode(record?.entry)
    const quiet = before?.version === record?.version && isSame(target.encode(before?.entry), source)
    return { name: nameOf(source, target.bytes), certain: target.isCarried(record?.version ?? 0), quiet }
  }
}

/** What is compared: a record, or an entry with all its rows. */
export interface Compared {
  readonly kind: RecordKind | EntryKind
  readonly place: Place
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
