import type { Phase } from '../plan/plan.ts'
import { encodeChange } from '../sources/change.ts'
import type { LiveCommand, LiveReply } from '../sources/live-store.ts'
import {
  type Advance,
  type Advancing,
  advance,
  advancedOf,
  advanceStatement,
  amend,
  isFenced,
  outcomeOf,
} from '../state/touches.ts'
import { carryTo } from '../state/under-lock.ts'
import type { Statement, Transaction } from '../target/target.ts'
import type { Engine } from './engine.ts'
import type { Ending, Step } from './protocol.ts'
import {
  type Base,
  isGone,
  type Modification,
  MoreRecords,
  type Native,
  type PlaceWrite,
  type Watch,
} from './record-write.ts'
import type { Entered } from './route-watcher.ts'
import { beyondBudget } from './spent.ts'
import { type Doer, does } from './walk.ts'
import { CHANGED, Complaint, endingOf, rolledBack, sleptThrough, UNCHANGED } from './write-error.ts'

/** One application write on its way through the steps: of records of one plan, or of several at one instant. */
export class WriteDoer implements Doer {
  cause: unknown
  fencedBy: { readonly plan: string; readonly epoch: number } | undefined
  /** What did not come about: `unchanged`: `decide` said that nothing is to be written; `changed`: what was watched is not as it was. */
  outcome: 'unchanged' | 'changed' | undefined
  /** What `decide` refused. */
  complaint: Error | undefined
  /** Of the source's own commands that went along. */
  replies: readonly LiveReply[] = []
  readonly #engine: Engine
  readonly #modification: Modification | undefined
  /** By plan, in the order in which everybody locks. */
  readonly #routes: ReadonlyMap<string, { phase: Phase; epoch: number; rollout: boolean }>
  #writes: readonly PlaceWrite[]
  #transaction: string | undefined
  #versions: readonly number[] = []

  constructor(
    engine: Engine,
    writes: readonly PlaceWrite[] | Modification,
    routes: ReadonlyMap<string, Pick<Entered, 'phase' | 'epoch' | 'rollout'>>,
  ) {
    this.#engine = engine
    this.#modification = 'decide' in writes ? writes : undefined
    this.#writes = 'decide' in writes ? [] : writes
    this.#routes = new Map(
      [...routes].map(([plan, { phase, epoch, rollout }]) => [plan, { phase, epoch, rollout }]),
    )
  }

  get writes(): readonly PlaceWrite[] {
    return this.#writes
  }

  perform = async (step: Step): Promise<Ending> => {
    try {
      if (step.name === 'record')
        return await (this.#modification
          ? this.#recordModified(step, this.#modification)
          : this.#record(step))
      if (step.name === 'settle') return this.#settle()
      return await this.#apply(step)
    } catch (error) {
      if (isFenced(error)) return 'fenced'
      this.cause = error
      if (error instanceof Complaint) {
        this.complaint = error.cause as Error
        return 'failed'
      }
      return endingOf(error)
    }
  }

  ask = async (): Promise<'ok' | 'failed' | 'lost'> => {
    const { target, timeoutMillis } = this.#engine.options
    const until = performance.now() + timeoutMillis
    while (this.#transaction !== undefined && performance.now() < until) {
      const id = this.#transaction
      const outcome = await target
        .transaction((tx) => outcomeOf(tx, id), { readOnly: true })
        .catch(() => 'open' as const)
      if (outcome === 'committed') return 'ok'
      if (outcome === 'aborted') {
        this.cause = rolledBack(this.cause)
        return 'failed'
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return 'lost'
  }

  refresh = async (step: Step): Promise<'go on' | 'over'> => {
    const { watcher } = this.#engine.options
    await watcher.look().catch(() => {})
    for (const [plan, route] of this.#routes) Object.assign(route, watcher.route(plan))
    if (step.side !== 'source' || this.#modification?.native) return 'go on'
    return this.#isDual(this.#writes).some(Boolean) ? 'go on' : 'over'
  }

  #settle(): 'ok' {
    const dual = this.#isDual(this.#writes)
    // Not waited for: what stays in the outbox is only carried again.
    for (const plan of this.#routes.keys()) {
      const carried = this.#writes.flatMap(({ kind, place }, index) =>
        kind.plan === plan && dual[index] ? [{ ...place, version: this.#versions[index]! }] : [],
      )
      if (carried.length > 0) this.#engine.settler.add(plan, carried)
    }
    return 'ok'
  }

  // Of which the source is written, too.
  #isDual = (of: Modification['records']): readonly boolean[] =>
    of.map(({ kind }) => this.#routes.get(kind.plan)!.phase !== 'D')

  #route(plan: string): Advancing {
    const { caches, who } = this.#engine.options
    const { epoch } = this.#routes.get(plan)!
    return { plan, epoch, who: who(), told: caches.has(plan) }
  }

  #time<T>(side: 'source' | 'target', operation: 'put' | 'delete', work: () => Promise<T>): Promise<T> {
    const { recorder } = this.#engine.options
    return [...this.#routes.keys()].reduce(
      (inner, plan) => () => recorder.time(plan, side, operation, inner),
      work,
    )()
  }

  async #record(step: Step): Promise<Ending> {
    const { target, timeoutMillis } = this.#engine.options
    const [plan] = this.#routes.keys()
    const places = this.#writes.map((write) => ({
      ...write.place,
      deleted: does(step, 'tombstone') && isGone(write),
      ...(does(step, 'outbox') && { change: encodeChange(write.change) }),
    }))
    return this.#time('target', this.#writes.every(isGone) ? 'delete' : 'put', () =>
      target.transaction(
        async (tx): Promise<Ending> => {
          const statements = this.#writes.map((it) => this.#engine.rows.statement(it))
          if (statements.every((it) => it !== undefined))
            return this.#recordAtOnce(tx, plan!, places, statements)
          const advanced = await advance(tx, this.#route(plan!), places)
          this.#versions = advanced.versions
          this.#transaction = advanced.transaction
          for (const write of this.#writes) await this.#engine.rows.write(tx, write)
          return 'ok'
        },
        { statementMillis: timeoutMillis, lockMillis: timeoutMillis },
      ),
    )
  }

  /** The same with one way to Postgres and back: the rows go along with the question whether they may. */
  async #recordAtOnce(
    tx: Transaction,
    plan: string,
    places: readonly Advance[],
    rows: readonly Statement[],
  ): Promise<'ok'> {
    const first = advanceStatement(this.#route(plan), places)
    const [answer] = await tx.queries([first, ...rows])
    const advanced = advancedOf(answer!, places)
    this.#versions = advanced.versions
    this.#transaction = advanced.transaction
    return 'ok'
  }

  /** Versions first, which locks the records; then what is there decides what they become. */
  #recordModified(step: Step, modification: Modification): Promise<Ending> {
    const { target, timeoutMillis } = this.#engine.options
    const work = () =>
      target.transaction(
        async (tx): Promise<Ending> => {
          const bases = await this.#advanceAll(tx, modification)
          const { records, watch, native } = modification
          const places = records.map((it) => it.place)
          const { writes, complaint } = decided(modification, await bases())
          if (complaint instanceof MoreRecords) throw new Complaint(complaint)
          if (await watch?.hasChanged(tx, places)) throw CHANGED
          if (complaint) throw new Complaint(complaint)
          if (watch && (writes || !native) && !(await watch.command(NOTHING))) throw CHANGED
          if (!writes) {
            if (native) await this.#nativeAlone(native, watch)
            // Rolled back, versions and all.
            throw UNCHANGED
          }
          this.#writes = writes
          await this.#amendAll(tx, step, writes)
          for (const write of writes) await this.#engine.rows.write(tx, write)
          return 'ok'
        },
        { statementMillis: timeoutMillis, lockMillis: timeoutMillis },
      )
    // That nothing is to be written is no failure of the target.
    return this.#time('target', 'put', () =>
      work().catch((error): Ending => {
        if (error !== UNCHANGED && error !== CHANGED) throw error
        this.outcome = error === CHANGED ? 'changed' : 'unchanged'
        return 'failed'
      }),
    )
  }

  /** Locks the records of all plans, in one order for everybody, and gives what finds out what they are. */
  async #advanceAll(tx: Transaction, { records }: Modification): Promise<() => Promise<readonly Base[]>> {
    const versions: number[] = []
    const plans = this.#plansOf(records)
    for (const { plan, indexes } of plans) {
      const places = indexes.map((it) => ({ ...records[it]!.place, deleted: false }))
      const advanced = await advance(tx, this.#route(plan), places)
      for (const [at, index] of indexes.entries()) versions[index] = advanced.versions[at]!
      this.#transaction = advanced.transaction
    }
    this.#versions = versions
    return async () => {
      const bases: Base[] = []
      for (const { plan, indexes } of plans) {
        const own = indexes.map((it) => records[it]!)
        const numbers = indexes.map((it) => versions[it]!)
        const found = await this.#engine.rows.bases(tx, own, numbers, this.#routes.get(plan)!.phase)
        for (const [at, index] of indexes.entries()) bases[index] = found[at]!
      }
      return bases
    }
  }

  async #amendAll(tx: Transaction, step: Step, writes: readonly PlaceWrite[]): Promise<void> {
    const dual = this.#isDual(writes)
    for (const { plan, indexes } of this.#plansOf(writes))
      await amend(
        tx,
        plan,
        indexes.map((index) => {
          const write = writes[index]!
          return {
            ...write.place,
            version: this.#versions[index]!,
            deleted: does(step, 'tombstone') && isGone(write),
            ...(does(step, 'outbox') && dual[index] && { change: encodeChange(write.change) }),
          }
        }),
      )
  }

  #plansOf(records: Modification['records']) {
    return [...this.#routes.keys()].flatMap((plan) => {
      const indexes = records.flatMap((it, index) => (it.kind.plan === plan ? [index] : []))
      return indexes.length > 0 ? [{ plan, indexes }] : []
    })
  }

  /** What the source carries out itself, where nothing else is to be written: while the locks are held, so that all is of one instant. */
  async #nativeAlone(native: Native, watch: Watch | undefined): Promise<void> {
    const { live, sourceOf } = this.#engine.options
    const [plan] = this.#routes.keys()
    const command = {
      fences: native.plans.map((it) => ({ plan: it, epoch: this.#routes.get(it)!.epoch })),
      keys: native.keys,
      commands: native.commands,
    }
    const answer = await (watch ? watch.command(command) : (await live(sourceOf(plan!))).command(command))
    if (!answer) throw CHANGED
    if (answer.fenced) {
      this.fencedBy = { plan: answer.plan!, epoch: answer.epoch }
      throw CHANGED
    }
    this.replies = answer.replies
  }

  async #apply(step: Step): Promise<Ending> {
    const { target, live, recorder, sourceOf } = this.#engine.options
    const native = this.#modification?.native
    const [any] = this.#routes.keys()
    // The outbox keeps it.
    if (does(step, 'compare-and-set') && this.#engine.isUsedUp(any!)) throw beyondBudget(any!)
    // An instance that has slept through all of the rollout may not write to the source alone any more.
    for (const plan of native?.plans ?? []) {
      const { phase, rollout } = this.#routes.get(plan)!
      if (phase !== 'A' && !rollout) throw sleptThrough(plan)
    }
    const versioned = does(step, 'compare-and-set')
    const dual = this.#isDual(this.#writes)
    const writes = this.#writes.flatMap((it, index) => (dual[index] ? [{ it, index }] : []))
    const changes = writes.map(({ it: { place, change }, index }) => ({
      ...place,
      change,
      ...(versioned && { version: this.#versions[index]! }),
    }))
    const fenced = new Set([...writes.map(({ it }) => it.kind.plan), ...(native?.plans ?? [])])
    const plans = fenced.size > 0 ? [...fenced] : [any!]
    const [first, ...others] = plans.map((plan) => ({ plan, epoch: this.#routes.get(plan)!.epoch }))
    const store = await live(sourceOf(any!))
    const operation = writes.some(({ it }) => it.change.do === 'put') ? 'put' : 'delete'
    const applied = await this.#time('source', operation, () =>
      carryTo(target, store, {
        ...first!,
        ...(others.length > 0 && { others }),
        changes,
        ...(native && { along: native }),
      }),
    )
    for (const plan of plans) recorder.count(plan, 'source.write')
    if (!applied.fenced) {
      this.replies = applied.replies ?? []
      return 'ok'
    }
    this.fencedBy = { plan: applied.plan ?? first!.plan, epoch: applied.epoch }
    return 'fenced'
  }
}

/** To find out whether what is watched has held still. */
const NOTHING: LiveCommand = { fences: [], keys: [], commands: [] }

function decided(
  { decide }: Modification,
  bases: readonly Base[],
): { readonly writes?: readonly PlaceWrite[] | undefined; readonly complaint?: unknown } {
  try {
    return { writes: decide(bases) }
  } catch (complaint) {
    return { complaint }
  }
}
