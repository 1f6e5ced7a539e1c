import { readRecords } from '../checks/read-records.ts'
import { failpoint } from '../failpoint.ts'
import { partOfGrain } from '../mapping/grain.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { showTable, type TableName } from '../plan/table.ts'
import type { Origin, Rival, StepRecord } from '../state/ledger.ts'
import { pendingOf } from '../state/outbox.ts'
import { lockRows } from '../state/row-locks.ts'
import { repeatably } from '../state/schema.ts'
import { findTouches, unitOf } from '../state/touches.ts'
import { writerName } from '../state/trace.ts'
import type { Transaction } from '../target/target.ts'
import { addCounts, noCounts, shiftCounts } from './batch.ts'
import type { Context } from './executor.ts'
import { Settling, type Shift } from './settling.ts'
import { writersOf } from './writers.ts'

export interface Settlers {
  /** Writers whose records the caller counts itself; those of others are counted anew in the ledger. */
  readonly counted: readonly string[]
  /** Do instances of the application write both stores meanwhile? */
  readonly live?: boolean
  /** Does work in a transaction, under the lease, and hears what has to be counted differently. */
  transact(work: (tx: Transaction) => Promise<readonly Shift[]>): Promise<void>
}

/**
 * Settles all rows of a table that were left open, now that all their records are known: reads those again, decides by what they are, and
 * writes the outcome: one of them has the row, or all are quarantined. Gives how many rows stay open, since live writes of their records
 * came in between again and again: none where nobody writes.
 */
export async function settleContests(
  table: TableName,
  context: Context,
  { live = false, counted = [], transact = underLease(context) }: Partial<Settlers> = {},
): Promise<number> {
  const { target, ledger, batchRows } = context
  const writers = writersOf(context.compiled, table)
  const name = showTable(table)
  if (!writers.collide) return 0
  const stillOpen = (): Promise<{ open: readonly Origin[]; rivals: readonly Rival[] }> =>
    target.transaction(async (tx) => {
      const open = await ledger.origins.open(tx, name, batchRows)
      return {
        open,
        rivals: await ledger.origins.rivals.of(
          tx,
          name,
          open.map((it) => it.row),
        ),
      }
    })
  for (let attempt = 1; ; attempt++) {
    const { open, rivals } = await stillOpen()
    if (open.length === 0) return 0
    context.signal.throwIfAborted()
    const records = [...open, ...rivals]
    const before = live ? await target.transaction((tx) => standings(tx, records, context)) : undefined
    const found = await readRecords(records, writers.mappings, context)
    const steps = await ledger.steps()
    let left = 0
    await transact(async (tx) => {
      const settling = await Settling.begin(tx, { name, writers, ledger })
      let settled = open
      if (before) {
        await lockRows(
          tx,
          name,
          open.map((it) => it.row),
        )
        // Whoever wrote one of them since it was read has decided about its row; whoever comes now waits, and sees this.
        const now = await standings(tx, records, context)
        const moved = new Set(
          records.filter((_, at) => now[at] !== before[at] || now[at] === ON_ITS_WAY).map(rowOf),
        )
        settled = open.filter((it) => !moved.has(rowOf(it)))
        left = open.length - settled.length
      }
      await settling.run(settled, rivals, found)
      const others = writers.mappings.filter((it) => !counted.includes(writerName(it)))
      for (const record of steps.values()) await recount(tx, record, others, settling.shifts, context)
      return settling.shifts
    })
    failpoint('backfill.settled')
    if (left > 0 && attempt >= MOST_ATTEMPTS) return left
  }
}

/** Live writes are few beside a look at a few rows. */
const MOST_ATTEMPTS = 20
const ON_ITS_WAY = 'on its way'

/** Where records stand in the ledger of live writes: their versions, or that the source does not have the last one yet. */
async function standings(
  tx: Transaction,
  records: readonly Rival[],
  { compiled }: Context,
): Promise<readonly string[]> {
  const found: string[] = new Array(records.length)
  const planOf = (it: Rival): string => it.writer.slice(0, it.writer.indexOf('/'))
  for (const plan of new Set(records.map(planOf))) {
    const own = [...records.keys()].filter((at) => planOf(records[at]!) === plan)
    const places = own.map((at) => {
      const { writer, key, part } = records[at]!
      const { grain } = compiled.mapping(plan, writer.slice(plan.length + 1))
      return { key, part: partOfGrain(grain, part) }
    })
    const touches = await findTouches(tx, plan, places)
    const pending = new Set((await pendingOf(tx, plan, places)).map((it) => unitOf(it).toString('latin1')))
    for (const [index, at] of own.entries())
      found[at] = pending.has(unitOf(places[index]!).toString('latin1'))
        ? ON_ITS_WAY
        : String(touches[index]?.version ?? 0)
  }
  return found
}

const rowOf = ({ row }: Rival): string => row.toString('latin1')

/** Counts records of a mapping that was copied before as what they turned out to be. */
async function recount(
  tx: Transaction,
  record: StepRecord,
  writers: readonly CompiledMapping[],
  shifts: readonly Shift[],
  { ledger }: Context,
): Promise<void> {
  const { kind, plan, definition, outcome } = record
  const compiled =
    kind === 'backfill' &&
    writers.find((it) => it.plan === plan && it.mapping.name === definition.mapping.name)
  if (!compiled || !shifts.some((it) => it.writer === writerName(compiled))) return
  const counts = { ...noCounts(), ...outcome?.counts }
  const changes = shiftCounts([{ compiled, counts }], shifts)
  await ledger.saveStep(tx, {
    ...record,
    outcome: { ...outcome, counts: addCounts(counts, [...changes.values()][0]!) },
  })
}

const underLease =
  ({ target, lease }: Context): Settlers['transact'] =>
  async (work) => {
    await repeatably(() =>
      target.transaction(async (tx) => {
        await lease.fence(tx)
        await work(tx)
      }),
    )
  }
