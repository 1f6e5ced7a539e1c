import { KvmigError, SourceError, TargetError } from '../errors.ts'
import { showTable } from '../plan/table.ts'
import { type Change, decodeChange, encodeChange } from '../sources/change.ts'
import type { LiveStore } from '../sources/live-store.ts'
import type { Ledger } from '../state/ledger.ts'
import { settle, takeOutbox } from '../state/outbox.ts'
import { advance, claim, findTouches, outcomeOf, type Place } from '../state/touches.ts'
import { writerName } from '../state/trace.ts'
import { decodeTuple } from '../target/decode-tuple.ts'
import { DatabaseError } from '../target/error.ts'
import { deleteRow, upsertRow } from '../target/row-write.ts'
import { openTableRows, readTuples, type TableRows } from '../target/table-rows.ts'
import type { Target, Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import {
  type Answer,
  answerPending,
  type Ending,
  type FailurePolicy,
  PROTOCOL,
  type Step,
  writeProcedure,
} from './protocol.ts'
import type { RecordKind } from './record-kind.ts'
import type { Recorder } from './recorder.ts'
import type { RouteWatcher } from './route-watcher.ts'
import { Settler } from './settler.ts'
import { type Doer, does, type Probe, walk } from './walk.ts'

/** One record's write. */
export interface RecordWrite {
  readonly kind: RecordKind
  readonly place: Place
  /** Undefined: there shall be no row. */
  readonly row: Row | undefined
  /** What the source gets. */
  readonly change: Change
}

export interface EngineOptions {
  readonly target: Target
  /** For what goes on in the background: never in the way of the application's own operations. */
  readonly background: Target
  readonly ledger: Ledger
  readonly watcher: RouteWatcher
  readonly recorder: Recorder
  readonly live: (source: string) => Promise<LiveStore>
  readonly sourceOf: (plan: string) => string
  readonly policyOf: (plan: string) => FailurePolicy
  /** Are origins kept for a kind's table? */
  readonly isTracked: (kind: RecordKind) => boolean
  /** How long a statement, or a lock it waits for, may take. */
  readonly timeoutMillis: number
  readonly probe?: Probe | undefined
  /** Other tables than the real one are for tests: what is left out of it has to show. */
  readonly protocol?: typeof PROTOCOL
}

/** Carries out the protocol: writes of the application, claims of what was read through, and the outbox. */
export class Engine {
  readonly #options: EngineOptions
  readonly #protocol: typeof PROTOCOL
  readonly #settler: Settler
  readonly #tables = new Map<RecordKind, TableRows>()

  constructor(options: EngineOptions) {
    this.#options = options
    this.#protocol = options.protocol ?? PROTOCOL
    this.#settler = new Settler(options.background)
  }

  /**
   * Writes records of one plan, all of them at one instant on each side. Returns when the write is as safe as the plan's policy wants it.
   * Throws KvmigError: WRITE_REFUSED (nothing took place), WRITE_UNCONFIRMED (one side may have it; doing it again is safe).
   */
  async write(plan: string, writes: readonly RecordWrite[]): Promise<void> {
    const { watcher, recorder, policyOf } = this.#options
    for (let attempt = 0; ; attempt++) {
      const entered = await watcher.enter(plan, 'write')
      const doer = new WriteDoer(this, plan, writes, entered.epoch)
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
      const rollout = watcher.route(plan).rollout || entered.rollout
      const heard = answer === 'pending' ? answerPending(policyOf(plan), rollout) : answer
      if (answer === 'pending')
        recorder.count(plan, heard === 'done' ? 'write.degraded' : 'write.unconfirmed')
      if (heard === 'done') return
      if (answer !== 'pending')
        recorder.count(plan, heard === 'unconfirmed' ? 'write.unconfirmed' : 'write.failed')
      throw heard === 'unconfirmed' ? unconfirmed(plan, doer.cause) : refused(plan, doer.cause)
    }
  }

  /** Takes a record over that only the source has, unless a live write has touched it. Says whether it did. */
  async copy(kind: RecordKind, place: Place): Promise<boolean> {
    const { watcher, background, live } = this.#options
    const entered = await watcher.enter(kind.plan, 'write')
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
              const [held] = await tx.query('SELECT kvmig.fence($1, $2) AS ok', [kind.plan, entered.epoch])
              if (does(step, 'fence') && held!.ok !== 't') return
              if (does(step, 'claim') && !(await claim(tx, kind.plan, [place]))[0]) return
              await this.writeRow(tx, { kind, place, row })
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
      entered.leave()
    }
    return copied
  }

  /** Carries what is due in the outbox to the sources, and says how many changes that were. Throws what a source says. */
  async drain(plans: readonly string[], olderMillis: number): Promise<number> {
    const { background, watcher, recorder, live, sourceOf } = this.#options
    let drained = 0
    for (const plan of plans) {
      const taken = await takeOutbox(background, { plan, limit: 200, olderMillis })
      if (taken.length === 0) continue
      const store = await live(sourceOf(plan))
      let epoch = watcher.route(plan).epoch
      const ending = await walk(
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
            const applied = await store.apply({ plan, epoch, changes })
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
      if (ending !== 'done') continue
      drained += taken.length
      recorder.count(plan, 'drained', taken.length)
    }
    return drained
  }

  /** The row with this key as Postgres has it; undefined where there is none, or where it has expired by the database's clock. */
  async readRow(kind: RecordKind, key: Row): Promise<Row | undefined> {
    const { target, timeoutMillis } = this.#options
    return target.transaction(
      async (tx) => {
        const found = await this.#tuple(tx, kind, key)
        return (
          found &&
          decodeTuple(
            found.table.wires.map((it) => it.wire),
            found.tuple,
          )
        )
      },
      { readOnly: true, statementMillis: timeoutMillis, lockMillis: timeoutMillis },
    )
  }

  /** The same for a comparison: the stored bytes, the version of the record, and how to make bytes of a row. */
  async look(
    kind: RecordKind,
    key: Row,
    place: Place,
  ): Promise<{ readonly version: number; readonly tuple: Buffer | undefined; encode(row: Row): Buffer }> {
    return this.#options.background.transaction(
      async (tx) => {
        const [touch] = await findTouches(tx, kind.plan, [place])
        const found = await this.#tuple(tx, kind, key)
        const table = await this.table(tx, kind)
        return { version: touch?.version ?? 0, tuple: found?.tuple, encode: (row) => table.tuple(row) }
      },
      { readOnly: true },
    )
  }

  async #tuple(
    tx: Transaction,
    kind: RecordKind,
    key: Row,
  ): Promise<{ readonly table: TableRows; readonly tuple: Buffer } | undefined> {
    const table = await this.table(tx, kind)
    const [tuple] = await readTuples(tx, table, [rowOfKey(kind, key)])
    if (!tuple) return undefined
    if (kind.expiryIndex >= 0) {
      const expiry = decodeTuple(
        table.wires.map((it) => it.wire),
        tuple,
      )[kind.expiryIndex]
      if (expiry !== null) {
        const [row] = await tx.query(
          'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now',
        )
        // A cell of a timestamptz is in microseconds.
        if ((expiry as bigint) <= BigInt(row!.now!)) return undefined
      }
    }
    return { table, tuple }
  }

  async table(tx: Transaction, kind: RecordKind): Promise<TableRows> {
    const known = this.#tables.get(kind)
    if (known) return known
    const { table, columns, keyIndexes } = kind.compiled
    const opened = await openTableRows(tx, { name: table.name, columns, keyIndexes })
    this.#tables.set(kind, opened)
    return opened
  }

  /** The row of a record, or none, with its origin where origins are kept. */
  async writeRow(
    tx: Transaction,
    { kind, place, row }: Pick<RecordWrite, 'kind' | 'place' | 'row'>,
  ): Promise<void> {
    const table = await this.table(tx, kind)
    const { ledger, isTracked } = this.#options
    const name = showTable(table.name)
    const key = row ? table.keyIndexes.map((it) => row[it]!) : kind.keyOf(place)
    const keyRow = rowOfKey(kind, key)
    if (!row) {
      await deleteRow(tx, table, table.keyTuple(keyRow))
      if (isTracked(kind)) await ledger.origins.remove(tx, name, [table.rowKey(keyRow)])
      return
    }
    if (isTracked(kind)) {
      const rowKey = table.rowKey(row)
      const [origin] = await ledger.origins.find(tx, name, [rowKey])
      const [there] = origin ? [] : await readTuples(tx, table, [row])
      if (there && kind.compiled.mapping.existing !== 'update')
        throw new KvmigError(
          'EXISTING_ROW',
          `${name} has a row with this key that was there before the migration, and ${kind.plan} does not say existing: update.`,
        )
      await ledger.origins.save(tx, name, [
        {
          row: rowKey,
          writer: writerName(kind.compiled),
          key: place.key,
          part: place.part,
          state: 'stands',
          existed: origin?.existed ?? there !== undefined,
        },
      ])
    }
    await upsertRow(tx, table, table.tuple(row))
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

/** A row of nothing but its key. */
function rowOfKey({ compiled: { columns, keyIndexes } }: RecordKind, key: Row): Row {
  const row: Row[number][] = new Array(columns.length).fill(null)
  for (const [at, index] of keyIndexes.entries()) row[index] = key[at]!
  return row
}

/** One application write on its way through the steps. */
class WriteDoer implements Doer {
  cause: unknown
  fencedBy: number | undefined
  readonly #engine: Engine
  readonly #plan: string
  readonly #writes: readonly RecordWrite[]
  #epoch: number
  #transaction: string | undefined
  #versions: readonly number[] | undefined

  constructor(engine: Engine, plan: string, writes: readonly RecordWrite[], epoch: number) {
    this.#engine = engine
    this.#plan = plan
    this.#writes = writes
    this.#epoch = epoch
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
      this.cause = error
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

  async #record(step: Step): Promise<Ending> {
    const { target, timeoutMillis, recorder } = this.#engine.options
    const places = this.#writes.map(({ place, row, change }) => ({
      ...place,
      deleted: does(step, 'tombstone') && row === undefined,
      ...(does(step, 'outbox') && { change: encodeChange(change) }),
    }))
    const operation = this.#writes.some((it) => it.row) ? 'put' : 'delete'
    return recorder.time(this.#plan, 'target', operation, () =>
      target.transaction(
        async (tx): Promise<Ending> => {
          const advanced = await advance(tx, { plan: this.#plan, epoch: this.#epoch }, places)
          if (!advanced) return 'fenced'
          this.#versions = advanced.versions
          this.#transaction = advanced.transaction
          for (const write of this.#writes) await this.#engine.writeRow(tx, write)
          return 'ok'
        },
        { statementMillis: timeoutMillis, lockMillis: timeoutMillis },
      ),
    )
  }

  async #apply(step: Step): Promise<Ending> {
    const { live, recorder, sourceOf } = this.#engine.options
    const store = await live(sourceOf(this.#plan))
    const versioned = does(step, 'compare-and-set')
    const changes = this.#writes.map(({ place, change }, index) => ({
      ...place,
      change,
      ...(versioned && { version: this.#versions![index]! }),
    }))
    const operation = this.#writes.some((it) => it.change.do === 'put') ? 'put' : 'delete'
    const applied = await recorder.time(this.#plan, 'source', operation, () =>
      store.apply({ plan: this.#plan, epoch: this.#epoch, changes }),
    )
    recorder.count(this.#plan, 'source.write')
    if (!applied.fenced) return 'ok'
    this.fencedBy = applied.epoch
    return 'fenced'
  }
}

function endingOf(error: unknown): Ending {
  if (error instanceof TargetError) return error.code === 'COMMIT_UNKNOWN' ? 'lost' : 'failed'
  if (error instanceof SourceError) return LOST.has(error.code) ? 'lost' : 'failed'
  if (error instanceof KvmigError) return 'failed'
  throw error
}

const LOST: ReadonlySet<string> = new Set(['SOURCE_LOST', 'SOURCE_TIMEOUT'])

const unconfirmed = (plan: string, cause: unknown): KvmigError =>
  new KvmigError(
    'WRITE_UNCONFIRMED',
    `A write of ${plan} is not confirmed by both sides: one may have it. ${wordsOf(cause)}`,
    {
      cause,
      hint: 'Doing the same again is safe. If Postgres took it, it reaches the source from the outbox also without that.',
    },
  )

const refused = (plan: string, cause: unknown): KvmigError => {
  const isOrphan = cause instanceof DatabaseError && cause.sqlState === '23503'
  return new KvmigError('WRITE_REFUSED', `A write of ${plan} did not take place. ${wordsOf(cause)}`, {
    cause,
    hint: isOrphan
      ? 'What the row refers to has to be there first: write that before it.'
      : 'Nothing was changed on either side.',
  })
}

// Errors of kvmig's own hold no values.
const wordsOf = (cause: unknown): string => (cause instanceof KvmigError ? cause.message : '')
