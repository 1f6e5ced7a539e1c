import { KvmigError, TargetError } from '../errors.ts'
import type { Phase } from '../plan/plan.ts'
import { HEARTBEAT_MILLIS, heartbeat, leave } from '../state/instances.ts'
import type { Route } from '../state/ledger.ts'
import type { Target } from '../target/target.ts'

/** The route that one operation acts on, from its beginning to `leave`. */
export interface Entered {
  readonly phase: Phase
  readonly epoch: number
  readonly rollout: boolean
  leave(): void
}

export interface WatcherOptions {
  /** Not the one that the application's operations queue for. */
  readonly target: Target
  readonly plans: readonly string[]
  readonly instance: { readonly id: string; readonly version: string; readonly host: string }
  readonly pollMillis?: number
  /** An operation does not act on what was seen longer ago. */
  readonly staleMillis?: number
}

/**
 * Keeps the routes of all plans: asks for them with every heartbeat, and whenever somebody says that one has changed. Confirms an epoch
 * only when no operation of an older one is under way any more.
 */
export class RouteWatcher {
  readonly #options: WatcherOptions
  readonly #underWay = new Map<string, Map<number, number>>()
  #routes: ReadonlyMap<string, Route> = new Map()
  #seen = { monotonic: Number.NEGATIVE_INFINITY, wall: 0 }
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #whenIdle: (() => void) | undefined
  #closed = false

  private constructor(options: WatcherOptions) {
    this.#options = options
  }

  /** Looks once before anything else: an application does not start on a route that it does not know. */
  static async open(options: WatcherOptions): Promise<RouteWatcher> {
    const watcher = new RouteWatcher(options)
    await watcher.look()
    // Who has confirmed the epochs is known at once, and not a heartbeat later.
    await watcher.look()
    watcher.#later()
    return watcher
  }

  /** What was seen last. A plan that was never applied is in A. */
  route(plan: string): Pick<Route, 'phase' | 'epoch' | 'rollout'> {
    return this.#routes.get(plan) ?? { phase: 'A', epoch: 0, rollout: false }
  }

  /**
   * Begins an operation: its route, not older than `staleMillis`. Where the ledger is out of reach, what the source answers alone goes on
   * by the route that was seen last (the source itself knows whether a write's epoch is over); everything else throws ROUTE_UNKNOWN.
   */
  async enter(plan: string, operation: 'read' | 'write'): Promise<Entered> {
    if (this.#ended)
      throw new KvmigError('CLOSED', `${plan} is not read or written any more: this instance was closed.`, {
        hint: 'Stop taking requests before kvmig.close(); a new connect() begins anew.',
      })
    if (this.#isStale()) {
      const { phase } = this.route(plan)
      const needsNoTarget = phase === 'A' || (phase === 'B' && operation === 'read')
      const looking = this.look()
      if (needsNoTarget) await Promise.race([looking.catch(() => {}), pause(PATIENCE_MILLIS)])
      else
        await looking.catch((cause) => {
          throw unknownRoute(plan, cause)
        })
    }
    const { phase, epoch, rollout } = this.route(plan)
    const counts = this.#underWay.get(plan) ?? new Map<number, number>()
    this.#underWay.set(plan, counts)
    counts.set(epoch, (counts.get(epoch) ?? 0) + 1)
    let left = false
    const leave = (): void => {
      if (left) return
      left = true
      const more = counts.get(epoch)! - 1
      if (more === 0) counts.delete(epoch)
      else counts.set(epoch, more)
      if (!this.#isBusy()) this.#whenIdle?.()
    }
    return { phase, epoch, rollout, leave }
  }

  /** Asks for the routes now. Whoever asks while an answer is on its way waits for one that was asked for after him. */
  async look(): Promise<void> {
    if (this.#looking) await this.#looking.catch(() => {})
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Waits until no operation is under way, for so long at most; from then on none begins. */
  async finish(millis: number): Promise<void> {
    if (this.#isBusy())
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#whenIdle = resolve
        }),
        pause(millis),
      ])
    this.#ended = true
  }

  #isBusy(): boolean {
    return [...this.#underWay.values()].some((it) => it.size > 0)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#looking?.catch(() => {})
    await leave(this.#options.target, this.#options.instance.id).catch(() => {})
  }

  async #look(): Promise<void> {
    const { target, instance } = this.#options
    // Of the moment before it was asked for: only what is later than that may be newer.
    const seen = { monotonic: performance.now(), wall: Date.now() }
    this.#routes = await heartbeat(target, { ...instance, epochs: this.#confirmed() }).catch((error) => {
      if (isNotInstalled(error)) return new Map<string, Route>()
      throw error
    })
    this.#seen = seen
  }

  #confirmed(): ReadonlyMap<string, number> {
    return new Map(
      this.#options.plans.map((plan) => [
        plan,
        Math.min(this.route(plan).epoch, ...(this.#underWay.get(plan)?.keys() ?? [])),
      ]),
    )
  }

  // Either clock may stand still while a process is frozen or its machine sleeps.
  #isStale(): boolean {
    const { staleMillis = STALE_MILLIS } = this.#options
    const { monotonic, wall } = this.#seen
    const age = Math.max(performance.now() - monotonic, Math.abs(Date.now() - wall))
    return age > staleMillis
  }

  #later(): void {
    if (this.#closed) return
    const { pollMillis = HEARTBEAT_MILLIS } = this.#options
    this.#timer = setTimeout(() => {
      // Out of reach: operations will say so.
      this.look()
        .catch(() => {})
        .finally(() => this.#later())
    }, pollMillis)
    this.#timer.unref()
  }
}

const STALE_MILLIS = 1800
/** So long does what could go on without the target wait for it. */
const PATIENCE_MILLIS = 250

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis).unref()
  })

// No schema, no table or no function of ours yet.
const isNotInstalled = (error: unknown): boolean =>
  error instanceof TargetError && ['42P01', '3F000'].includes(error.sqlState ?? '')

const unknownRoute = (plan: string, cause: unknown): KvmigError =>
  new KvmigError(
    'ROUTE_UNKNOWN',
    `Where ${plan} is read and written cannot be looked up: the target is out of reach.`,
    {
      cause,
      hint: 'It is tried again with the next operation.',
    },
  )
