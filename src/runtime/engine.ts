import { KvmigError, type SourceError } from '../errors.ts'
import type { TableName } from '../plan/table.ts'
import { decodeChange } from '../sources/change.ts'
import type { Fence } from '../sources/live-store.ts'
import type { CounterName } from '../state/metrics.ts'
import { giveBack, type OutboxEntry, settle, takeOutbox } from '../state/outbox.ts'
import { holdEpoch } from '../state/route.ts'
import { claim, type Place } from '../state/touches.ts'
import { carryTo } from '../state/under-lock.ts'
import { DatabaseError } from '../target/error.ts'
import type { Row } from '../value.ts'
import type { Caches } from './caches.ts'
import type { MappedRow } from './entry-kind.ts'
import { type Answer, answerPending, type FailurePolicy, PROTOCOL, writeProcedure } from './protocol.ts'
import type { RecordKind } from './record-kind.ts'
import type { Modification, Modified, Native, PlaceWrite, Watch } from './record-write.ts'
import type { Recorder } from './recorder.ts'
import type { Entered, RouteWatcher } from './route-watcher.ts'
import { Rows, type RowsParts } from './rows.ts'
import { Settler } from './settler.ts'
import { beyondBudget } from './spent.ts'
import { does, type Probe, walk } from './walk.ts'
import { WriteDoer } from './write-doer.ts'
import { inRollout, refused, unconfirmed, unknown } from './write-error.ts'

export interface EngineOptions extends RowsParts {
  readonly watcher: RouteWatcher
  readonly recorder: Recorder
  readonly sourceOf: (plan: string) => string
  readonly policyOf: (plan: string) => FailurePolicy
  /** The records that fill a table, if it is those of one mapping that can be dual-written. */
  readonly kindOfTable: (table: TableName) => RecordKind | undefined
  readonly caches: Caches
  /** Whom a history of changes names. */
  readonly who: () => string
  readonly probe?: Probe | undefined
  /** Other tables than the real one are for tests: what is left out of it has to show. */
  readonly protocol?: typeof PROTOCOL
}

/** Carries out the protocol: writes of the application, claims of what was read through, and the outbox. */
export class Engine {
  readonly #options: EngineOptions
  readonly #protocol: typeof PROTOCOL
  readonly #settler: Settler
  readonly rows: Rows

  constructor(options: EngineOptions) {
    this.#options = options
    this.#protocol = options.protocol ?? PROTOCOL
    this.#settler = new Settler(options.background)
    this.rows = new Rows(options)
  }

  /**
   * Writes records of one plan, all of them at one instant on each side. Returns when the write is as safe as the plan's policy wants it.
   * Throws KvmigError: WRITE_REFUSED (nothing took place), WRITE_UNCONFIRMED (one side may have it),
   * WRITE_UNKNOWN (nobody knows whether it took place). Setting a value again is safe after each of them.
   */
  async write(plan: string, writes: readonly PlaceWrite[]): Promise<void> {
    const written = this.#options.caches.write(
      plan,
      writes.map((it) => it.place),
    )
    try {
      await this.#attempt([plan], writes)
    } finally {
      written()
    }
  }

  /**
   * Writes what depends on what is there: `decide` sees the records while nobody else can write them. Plans that are in A are none of its: their
   * source has commands for that, which may go along (`native`).
   */
  async modify(modification: Modification): Promise<Modified> {
    const { records, native, watch } = modification
    const plans = [...modification.plans, ...(native?.plans ?? []), ...(watch?.epochs.keys() ?? [])]
    const written = [...new Set(plans)].map((plan) =>
      this.#options.caches.write(
        plan,
        records.flatMap((it) => (it.kind.plan === plan ? [it.place] : [])),
      ),
    )
    try {
      return await this.#attempt(plans, modification)
    } finally {
      for (const it of written) it()
    }
  }

  /**
   * Runs commands of the source's own, at one instant, as long as all of their plans are in A. With `watch`, only if nothing has changed that was
   * watched: nothing but what the source itself has, then.
   */
  async command(source: string, { plans, keys, commands }: Native, watch?: Watch): Promise<Modified> {
    const { live, recorder } = this.#options
    for (let attempt = 0; attempt <= MOST_ATTEMPTS; attempt++) {
      const entered = await this.#enter(plans)
      try {
        if (plans.some((it) => entered.get(it)!.phase !== 'A')) return { is: 'elsewhere' }
        if (isOver(watch, entered)) return { is: 'changed' }
        const store = await live(source)
        const fences = plans.map((plan) => ({ plan, epoch: entered.get(plan)!.epoch }))
        for (const plan of plans) recorder.count(plan, 'source.write')
        const work = () => (watch ?? store).command({ fences, keys, commands })
        const [plan] = plans
        const answer = await (plan === undefined ? work() : recorder.time(plan, 'source', 'put', work))
        if (!answer) return { is: 'changed' }
        if (!answer.fenced) return { is: 'done', replies: answer.replies }
        for (const it of plans) recorder.count(it, 'fenced')
        leaveAll(entered)
        await this.#lookAgain({ plan: answer.plan!, epoch: answer.epoch })
        // EXEC ends what WATCH began.
        if (watch) return { is: 'changed' }
      } finally {
        leaveAll(entered)
      }
    }
    throw refused(plans.join(', '), undefined)
  }

  /** In one order for everybody. */
  async #enter(plans: readonly string[]): Promise<ReadonlyMap<string, Entered>> {
    const entered = new Map<string, Entered>()
    try {
      for (const plan of [...new Set(plans)].sort())
        entered.set(plan, await this.#options.watcher.enter(plan, 'write'))
      return entered
    } catch (error) {
      leaveAll(entered)
      throw error
    }
  }

  async #attempt(plans: readonly string[], writes: readonly PlaceWrite[] | Modification): Promise<Modified> {
    const { recorder } = this.#options
    const name = [...new Set(plans)].sort().join(', ')
    const count = (event: CounterName): void => {
      for (const it of new Set(plans)) recorder.count(it, event)
    }
    for (let attempt = 0; ; attempt++) {
      const entered = await this.#enter(plans)
      const doer = new WriteDoer(this, writes, entered)
      let answer: Answer | 'again'
      try {
        if ('decide' in writes) {
          if (isElsewhere(writes, entered)) return { is: 'elsewhere' }
          if (isOver(writes.watch, entered)) return { is: 'changed' }
          const rolled = writes.needsBase.find((it) => entered.get(it)!.rollout)
          if (rolled !== undefined) throw inRollout(rolled)
        }
        const procedure = procedureOf(writes, entered)
        const [plan] = entered.keys()
        if (procedure === 'dual-write') {
          // Beyond the budget the source is not even opened. Whoever would hear that it is not confirmed hears that before anything has taken place.
          const unable = this.isUsedUp(plan!)
            ? this.#pending(writes, entered) !== 'done' && beyondBudget(name)
            : await this.#unable(writes)
          if (unable) throw refused(name, unable)
        }
        answer = await walk(this.#protocol[procedure], doer, this.#options.probe)
      } finally {
        leaveAll(entered)
      }
      if (answer === 'again' && attempt < MOST_ATTEMPTS) {
        count('fenced')
        await this.#lookAgain(doer.fencedBy)
        continue
      }
      if (doer.outcome === 'unchanged') return { is: 'done', replies: doer.replies }
      if (doer.outcome === 'changed') {
        if (!doer.fencedBy) return { is: 'changed' }
        await this.#lookAgain(doer.fencedBy)
        return { is: 'decide' in writes && writes.watch ? 'changed' : 'elsewhere' }
      }
      if (doer.complaint) throw doer.complaint
      if (answer === 'refused' && attempt < MOST_ATTEMPTS && (await this.#copyParents(doer))) continue
      const heard = answer === 'pending' ? this.#pending(writes, entered) : answer
      if (answer === 'pending') count(heard === 'done' ? 'write.degraded' : 'write.unconfirmed')
      if (heard === 'done') return { is: 'done', replies: doer.replies }
      if (answer !== 'pending') count(heard === 'unknown' ? 'write.unconfirmed' : 'write.failed')
      const wrong = { unconfirmed, unknown, refused, again: refused }[heard]
      throw wrong(name, doer.cause)
    }
  }

  /** What the strictest of the plans says; what the source was to carry out itself is in no outbox. */
  #pending(
    writes: readonly PlaceWrite[] | Modification,
    entered: ReadonlyMap<string, Entered>,
  ): 'done' | 'unconfirmed' {
    const { watcher, policyOf } = this.#options
    if ('decide' in writes && writes.native) return 'unconfirmed'
    const answers = [...entered].map(([plan, { rollout }]) =>
      answerPending(policyOf(plan), watcher.route(plan).rollout || rollout),
    )
    return answers.includes('unconfirmed') ? 'unconfirmed' : 'done'
  }

  /** A row whose parent only the source has: a writer of the source alone made it. It is taken over first, as a copy. */
  async #copyParents({ cause, writes }: WriteDoer): Promise<boolean> {
    if (!(cause instanceof DatabaseError) || cause.sqlState !== '23503' || !cause.constraint) return false
    let copied = false
    for (const row of writes.flatMap(rowsIn)) {
      const parent = await this.rows.parentOf(row, cause.constraint)
      const kind = parent && this.#options.kindOfTable(parent.table)
      const key = kind?.compiled.mapping.key.map((name) => parent!.cells.get(name))
      if (!kind || !key || key.includes(undefined)) continue
      copied = (await this.copy(kind, kind.placeOf(key as Row)).catch(() => false)) || copied
    }
    return copied
  }

  /** What the source could never take would wait in the outbox for ever. */
  async #unable(writes: readonly PlaceWrite[] | Modification): Promise<SourceError | undefined> {
    if ('decide' in writes) return undefined
    for (const { kind, place, change } of writes) {
      // One that is out of reach has its own way of saying so.
      const store = await this.#options.live(kind.source).catch(() => undefined)
      const unable = store?.unable?.({ ...place, change })
      if (unable) return unable
    }
    return undefined
  }

  /** Is the budget of commands of this plan's source used up? */
  isUsedUp(plan: string): boolean {
    const { isUsedUp, sourceOf } = this.#options
    return isUsedUp?.(sourceOf(plan)) ?? false
  }

  /** Takes a record over that only the source has, unless a live write has touched it. Says whether it did. */
  async copy(kind: RecordKind, place: Place): Promise<boolean> {
    const { watcher, background, live } = this.#options
    const entered = await watcher.enter(kind.plan, 'write')
    const written = this.#options.caches.write(kind.plan, [place])
    let copied = false
    try {
      const store = await live(kind.source)
      let row: Row | undefined
      await walk(
        this.#protocol.copy,
        {
          perform: async (step) => {
            if (step.side === 'source') {
              const [record] = await store.read([place])
              const made = record?.entry && kind.forward(place, record.entry)
              row = made?.fate === 'row' ? made.row : undefined
              return row ? 'ok' : 'failed'
            }
            await background.transaction(async (tx) => {
              copied = false
              if (does(step, 'fence') && !(await holdEpoch(tx, kind.plan, entered.epoch))) return
              if (does(step, 'claim') && !(await claim(tx, kind.plan, [place]))[0]) return
              await this.rows.write(tx, { kind, place, row })
              copied = true
            })
            return 'ok'
          },
          ask: async () => 'failed',
          refresh: async () => 'over',
        },
        this.#options.probe,
      )
    } finally {
      written()
      entered.leave()
    }
    return copied
  }

  /** Carries what is due in the outbox to the sources, and says how many changes that were. Throws what a source says. */
  async drain(plans: readonly string[], olderMillis: number): Promise<number> {
    const { background, recorder } = this.#options
    let drained = 0
    for (const plan of plans) {
      if (this.isUsedUp(plan)) continue
      const taken = await takeOutbox(background, { plan, limit: 200, olderMillis })
      if (taken.length === 0) continue
      const ending = await this.#carry(plan, taken).catch(async (error) => {
        await giveBack(background, taken).catch(() => {})
        throw error
      })
      if (ending !== 'done') continue
      drained += taken.length
      recorder.count(plan, 'drained', taken.length)
    }
    return drained
  }

  async #carry(plan: string, taken: readonly OutboxEntry[]): Promise<Answer | 'again'> {
    const { background, watcher, live, sourceOf } = this.#options
    const store = await live(sourceOf(plan))
    let epoch = watcher.route(plan).epoch
    return walk(
      this.#protocol.drain,
      {
        perform: async (step) => {
          if (step.name === 'take') return 'ok'
          if (step.name === 'settle') {
            await background.transaction((tx) => settle(tx, plan, taken))
            return 'ok'
          }
          const changes = taken.map(({ key, part, change, version }) => ({
            key,
            part,
            change: decodeChange(change),
            ...(does(step, 'compare-and-set') && { version }),
          }))
          const applied = await carryTo(background, store, { plan, epoch, changes })
          return applied.fenced ? 'fenced' : 'ok'
        },
        ask: async () => 'failed',
        refresh: async () => {
          await watcher.look()
          const route = watcher.route(plan)
          epoch = route.epoch
          return route.phase === 'D' ? 'over' : 'go on'
        },
      },
      this.#options.probe,
    )
  }

  /** Milliseconds since 1970 by a source's clock, which its expiries are counted by. */
  async clock(source: string): Promise<number> {
    return (await this.#options.live(source)).clock()
  }

  /** Waits until what was carried is taken out of the outbox. */
  async close(): Promise<void> {
    await this.#settler.close()
  }

  get options(): EngineOptions {
    return this.#options
  }

  get settler(): Settler {
    return this.#settler
  }

  /** The source knows a newer epoch than the ledger has told us yet: wait a little for it, and then say what is wrong. */
  async #lookAgain(fencedBy: Fence | undefined): Promise<void> {
    const { watcher } = this.#options
    await watcher.look()
    if (fencedBy === undefined || watcher.route(fencedBy.plan).epoch >= fencedBy.epoch) return
    const { plan, epoch } = fencedBy
    throw new KvmigError(
      'EPOCH_AHEAD',
      `The source has seen epoch ${epoch} of ${plan}, and the ledger says ${watcher.route(plan).epoch}: this source was dual-written under another ledger.`,
      { hint: 'If that one is gone for good, take its mark away: HDEL kvmig:epoch PLAN in the source.' },
    )
  }
}

function leaveAll(entered: ReadonlyMap<string, Entered>): void {
  for (const it of entered.values()) it.leave()
}

/** Is a plan in another phase than the modification was made for? */
const isElsewhere = ({ plans, native }: Modification, entered: ReadonlyMap<string, Entered>): boolean =>
  plans.some((it) => entered.get(it)!.phase === 'A') ||
  (native?.plans ?? []).some((it) => entered.get(it)!.phase !== 'A')

const isOver = (watch: Watch | undefined, entered: ReadonlyMap<string, Entered>): boolean =>
  [...(watch?.epochs ?? [])].some(([plan, epoch]) => (entered.get(plan)?.epoch ?? epoch) !== epoch)

/** Several plans are written as the one of them that has the most steps. */
function procedureOf(
  writes: readonly PlaceWrite[] | Modification,
  entered: ReadonlyMap<string, Entered>,
): ReturnType<typeof writeProcedure> {
  if (!('decide' in writes)) return writeProcedure([...entered.values()][0]!.phase)
  const isDual = writes.plans.some((it) => entered.get(it)!.phase !== 'D')
  return isDual || writes.native ? 'dual-write' : 'target-write'
}

const MOST_ATTEMPTS = 5

const rowsIn = (write: PlaceWrite): readonly Pick<MappedRow, 'mapping' | 'row'>[] => {
  if ('rows' in write) return write.rows
  return write.row ? [{ mapping: write.kind.compiled, row: write.row }] : []
}
