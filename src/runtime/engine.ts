import { KvmigError } from '../errors.ts'
import type { TableName } from '../plan/table.ts'
import { decodeChange } from '../sources/change.ts'
import type { LiveReply } from '../sources/live-store.ts'
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
import type { Modification, PlaceWrite } from './record-write.ts'
import type { Recorder } from './recorder.ts'
import type { RouteWatcher } from './route-watcher.ts'
import { Rows, type RowsParts } from './rows.ts'
import { Settler } from './settler.ts'
import { does, type Probe, walk } from './walk.ts'
import { WriteDoer } from './write-doer.ts'
import { inRollout, refused, unconfirmed } from './write-error.ts'

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
   * Throws KvmigError: WRITE_REFUSED (nothing took place), WRITE_UNCONFIRMED (one side may have it; doing it again is safe).
   */
  async write(plan: string, writes: readonly PlaceWrite[]): Promise<void> {
    await this.#write(plan, writes)
  }

  /**
   * Writes what depends on what is there: `decide` sees the records while nobody else can write them. False where the plan is in A: there the
   * source has commands for that.
   */
  async modify(plan: string, modification: Modification): Promise<boolean> {
    return this.#write(plan, modification)
  }

  /** Runs commands of the source's own, at one instant, as long as the plan is in A; undefined where it is not any more. */
  async command(
    plan: string,
    keys: readonly Buffer[],
    commands: readonly (readonly Buffer[])[],
  ): Promise<readonly LiveReply[] | undefined> {
    const { watcher, live, sourceOf, recorder } = this.#options
    for (let attempt = 0; attempt <= MOST_ATTEMPTS; attempt++) {
      const entered = await watcher.enter(plan, 'write')
      try {
        if (entered.phase !== 'A') return undefined
        const store = await live(sourceOf(plan))
        recorder.count(plan, 'source.write')
        const answer = await recorder.time(plan, 'source', 'put', () =>
          store.command({ plan, epoch: entered.epoch, keys, commands }),
        )
        if (!answer.fenced) return answer.replies
        recorder.count(plan, 'fenced')
        entered.leave()
        await this.#lookAgain(plan, answer.epoch)
      } finally {
        entered.leave()
      }
    }
    throw refused(plan, undefined)
  }

  async #write(plan: string, writes: readonly PlaceWrite[] | Modification): Promise<boolean> {
    const places = ('decide' in writes ? writes.records : writes).map((it) => it.place)
    const written = this.#options.caches.write(plan, places)
    try {
      return await this.#attempt(plan, writes)
    } finally {
      written()
    }
  }

  async #attempt(plan: string, writes: readonly PlaceWrite[] | Modification): Promise<boolean> {
    const { watcher, recorder, policyOf } = this.#options
    for (let attempt = 0; ; attempt++) {
      const entered = await watcher.enter(plan, 'write')
      if ('decide' in writes && entered.phase === 'A') {
        entered.leave()
        return false
      }
      if ('decide' in writes && writes.needsBase && entered.rollout) {
        entered.leave()
        throw inRollout(plan)
      }
      const doer = new WriteDoer(this, plan, writes, entered)
      let answer: Answer | 'again'
      try {
        answer = await walk(this.#protocol[writeProcedure(entered.phase)], doer, this.#options.probe)
      } finally {
        entered.leave()
      }
      if (answer === 'again' && attempt < MOST_ATTEMPTS) {
        recorder.count(plan, 'fenced')
        await this.#lookAgain(plan, doer.fencedBy)
        continue
      }
      if (doer.isUnchanged) return true
      if (doer.complaint) throw doer.complaint
      if (answer === 'refused' && attempt < MOST_ATTEMPTS && (await this.#copyParents(doer))) continue
      const rollout = watcher.route(plan).rollout || entered.rollout
      const heard = answer === 'pending' ? answerPending(policyOf(plan), rollout) : answer
      if (answer === 'pending')
        recorder.count(plan, heard === 'done' ? 'write.degraded' : 'write.unconfirmed')
      if (heard === 'done') return true
      if (answer !== 'pending')
        recorder.count(plan, heard === 'unconfirmed' ? 'write.unconfirmed' : 'write.failed')
      throw heard === 'unconfirmed' ? unconfirmed(plan, doer.cause) : refused(plan, doer.cause)
    }
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
  async #lookAgain(plan: string, fencedBy: number | undefined): Promise<void> {
    const { watcher } = this.#options
    await watcher.look()
    if (fencedBy === undefined || watcher.route(plan).epoch >= fencedBy) return
    throw new KvmigError(
      'EPOCH_AHEAD',
      `The source has seen epoch ${fencedBy} of ${plan}, and the ledger says ${watcher.route(plan).epoch}: this source was dual-written under another ledger.`,
      { hint: 'If that one is gone for good, take its mark away: HDEL kvmig:epoch PLAN in the source.' },
    )
  }
}

const MOST_ATTEMPTS = 5

const rowsIn = (write: PlaceWrite): readonly Pick<MappedRow, 'mapping' | 'row'>[] => {
  if ('rows' in write) return write.rows
  return write.row ? [{ mapping: write.kind.compiled, row: write.row }] : []
}
