import type { Phase } from '../plan/plan.ts'
import { encodeChange } from '../sources/change.ts'
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
import { isGone, type Modification, type PlaceWrite } from './record-write.ts'
import { type Doer, does } from './walk.ts'
import { Complaint, endingOf, UNCHANGED } from './write-error.ts'

/** One application write on its way through the steps. */
export class WriteDoer implements Doer {
  cause: unknown
  fencedBy: number | undefined
  readonly #engine: Engine
  readonly #plan: string
  /** `decide` said that nothing is to be written. */
  isUnchanged = false
  /** What `decide` refused. */
  complaint: Error | undefined
  readonly #modification: Modification | undefined
  readonly #phase: Phase
  #writes: readonly PlaceWrite[]
  #epoch: number
  #transaction: string | undefined
  #versions: readonly number[] | undefined

  constructor(
    engine: Engine,
    plan: string,
    writes: readonly PlaceWrite[] | Modification,
    { phase, epoch }: { readonly phase: Phase; readonly epoch: number },
  ) {
    this.#engine = engine
    this.#plan = plan
    this.#modification = 'decide' in writes ? writes : undefined
    this.#writes = 'decide' in writes ? [] : writes
    this.#phase = phase
    this.#epoch = epoch
  }

  get writes(): readonly PlaceWrite[] {
    return this.#writes
  }

  perform = async (step: Step): Promise<Ending> => {
    try {
      if (step.name === 'record') return await this.#record(step)
      if (step.name === 'settle') {
        // Not waited for: what stays in the outbox is only carried again.
        this.#engine.settler.add(
          this.#plan,
          this.#writes.map(({ place }, index) => ({ ...place, version: this.#versions![index]! })),
        )
        return 'ok'
      }
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
      if (outcome !== 'open') return outcome === 'committed' ? 'ok' : 'failed'
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return 'lost'
  }

  refresh = async (step: Step): Promise<'go on' | 'over'> => {
    const { watcher } = this.#engine.options
    await watcher.look().catch(() => {})
    const { phase, epoch } = watcher.route(this.#plan)
    this.#epoch = epoch
    return step.side === 'source' && phase === 'D' ? 'over' : 'go on'
  }

  get #route(): Advancing {
    const { caches, who } = this.#engine.options
    return { plan: this.#plan, epoch: this.#epoch, who: who(), told: caches.has(this.#plan) }
  }

  async #record(step: Step): Promise<Ending> {
    if (this.#modification) return this.#recordModified(step, this.#modification)
    const { target, timeoutMillis, recorder } = this.#engine.options
    const places = this.#writes.map((write) => ({
      ...write.place,
      deleted: does(step, 'tombstone') && isGone(write),
      ...(does(step, 'outbox') && { change: encodeChange(write.change) }),
    }))
    const operation = this.#writes.every(isGone) ? 'delete' : 'put'
    return recorder.time(this.#plan, 'target', operation, () =>
      target.transaction(
        async (tx): Promise<Ending> => {
          const statements = this.#writes.map((it) => this.#engine.rows.statement(it))
          if (statements.every((it) => it !== undefined)) return this.#recordAtOnce(tx, places, statements)
          const advanced = await advance(tx, this.#route, places)
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
    places: readonly Advance[],
    rows: readonly Statement[],
  ): Promise<'ok'> {
    const first = advanceStatement(this.#route, places)
    const [answer] = await tx.queries([first, ...rows])
    const advanced = advancedOf(answer!, places)
    this.#versions = advanced.versions
    this.#transaction = advanced.transaction
    return 'ok'
  }

  /** Version first, which locks the records; then what is there decides what they become. */
  async #recordModified(step: Step, { records, decide }: Modification): Promise<Ending> {
    const { target, timeoutMillis, recorder } = this.#engine.options
    const places = records.map(({ place }) => ({ ...place, deleted: false }))
    const ending = recorder.time(this.#plan, 'target', 'put', () =>
      target.transaction(
        async (tx): Promise<Ending> => {
          const advanced = await advance(tx, this.#route, places)
          const bases = await this.#engine.rows.bases(tx, records, advanced.versions, this.#phase)
          let writes: readonly PlaceWrite[] | undefined
          try {
            writes = decide(bases)
          } catch (cause) {
            throw new Complaint(cause)
          }
          // Rolled back, version and all.
          if (!writes) throw UNCHANGED
          this.#writes = writes
          this.#versions = advanced.versions
          this.#transaction = advanced.transaction
          await amend(
            tx,
            this.#plan,
            writes.map((write, index) => ({
              ...write.place,
              version: advanced.versions[index]!,
              deleted: does(step, 'tombstone') && isGone(write),
              ...(does(step, 'outbox') && { change: encodeChange(write.change) }),
            })),
          )
          for (const write of writes) await this.#engine.rows.write(tx, write)
          return 'ok'
        },
        { statementMillis: timeoutMillis, lockMillis: timeoutMillis },
      ),
    )
    return ending.catch((error) => {
      if (error !== UNCHANGED) throw error
      this.isUnchanged = true
      return 'failed'
    })
  }

  async #apply(step: Step): Promise<Ending> {
    const { target, live, recorder, sourceOf } = this.#engine.options
    const store = await live(sourceOf(this.#plan))
    const versioned = does(step, 'compare-and-set')
    const changes = this.#writes.map(({ place, change }, index) => ({
      ...place,
      change,
      ...(versioned && { version: this.#versions![index]! }),
    }))
    const operation = this.#writes.some((it) => it.change.do === 'put') ? 'put' : 'delete'
    const applied = await recorder.time(this.#plan, 'source', operation, () =>
      carryTo(target, store, { plan: this.#plan, epoch: this.#epoch, changes }),
    )
    recorder.count(this.#plan, 'source.write')
    if (!applied.fenced) return 'ok'
    this.fencedBy = applied.epoch
    return 'fenced'
  }
}
