import { parseDuration } from '../plan/duration.ts'
import type { Plan } from '../plan/plan.ts'
import { type Place, touchStamps, unitOf } from '../state/touches.ts'
import type { Target } from '../target/target.ts'
import type { Row } from '../value.ts'
import { type CacheLimits, ReadCache } from './read-cache.ts'
import type { Entered } from './route-watcher.ts'

/**
 * The read caches of those plans that have one. Other instances' writes are heard by notification where that works, and found by asking for
 * the versions of what is cached in any case; the time to live bounds what neither tells, such as an UPDATE by hand.
 */
export class Caches {
  readonly #byPlan: ReadonlyMap<string, ReadCache<Row>>
  readonly #target: Target
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> = Promise.resolve()
  #closed = false

  /** `target`: for asking in the background. `pollMillis`: between two times of asking. */
  constructor(plans: readonly Plan[], target: Target, pollMillis: number) {
    this.#target = target
    this.#byPlan = new Map(
      plans.flatMap((plan) => {
        const limits = limitsOf(plan)
        return limits ? [[plan.name, new ReadCache<Row>(limits)] as const] : []
      }),
    )
    if (this.#byPlan.size > 0) this.#later(pollMillis)
  }

  get isEmpty(): boolean {
    return this.#byPlan.size === 0
  }

  /** Has this plan one? Then its writes are told to the other instances. */
  has(plan: string): boolean {
    return this.#byPlan.has(plan)
  }

  /**
   * The cache of a plan, as long as all who write its records say so: in A, and while instances may be alive that write the source only, there
   * are writers that nobody hears of.
   */
  of(plan: string, { phase, rollout }: Pick<Entered, 'phase' | 'rollout'>): ReadCache<Row> | undefined {
    return phase === 'A' || rollout ? undefined : this.#byPlan.get(plan)
  }

  /** Begins a write of these records, and gives what ends it. */
  write(plan: string, places: readonly Place[]): () => void {
    const cache = this.#byPlan.get(plan)
    return cache ? cache.write(places.map(unitName)) : () => {}
  }

  /** What RECORD_CHANNEL said; '' where something may have been missed. */
  heard(payload: string): void {
    if (payload === '') for (const it of this.#byPlan.values()) it.empty()
    const at = payload.lastIndexOf(' ')
    this.#byPlan.get(payload.slice(0, at))?.forget(payload.slice(at + 1))
  }

  /** Forgets what is not any more as it was when it was read. */
  async ask(): Promise<void> {
    for (const [plan, cache] of this.#byPlan) {
      const known = [...cache.stamps()]
      for (let from = 0; from < known.length; from += AT_ONCE) {
        const some = known.slice(from, from + AT_ONCE)
        const units = some.map(([unit]) => unit)
        const now = await this.#target.transaction((tx) => touchStamps(tx, plan, units), { readOnly: true })
        for (const [unit, { version, at }] of some) {
          const stamp = now.get(unit)
          const isSame = (stamp?.version ?? 0) === version && (at === undefined || (stamp?.at ?? '') === at)
          if (!isSame) cache.forget(unit)
        }
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#asking
  }

  #later(pollMillis: number): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      // Out of reach: the time to live is the bound.
      this.#asking = this.ask()
        .catch(() => {})
        .finally(() => this.#later(pollMillis))
    }, pollMillis)
    this.#timer.unref()
  }
}

export const unitName = (place: Place): string => unitOf(place).toString('hex')

// `reads: { cache: { ttl: 30s, entries: 10000 } }`, validated when the plan was loaded.
function limitsOf({ later }: Plan): CacheLimits | undefined {
  const { cache } =
    (later.reads as { readonly cache?: { readonly ttl: string; readonly entries?: number } } | undefined) ??
    {}
  return cache && { ttlMillis: parseDuration(cache.ttl)!, entries: cache.entries ?? 10_000 }
}

const AT_ONCE = 1000
