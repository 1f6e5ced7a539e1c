import { readRecords } from '../checks/read-records.ts'
import { failpoint } from '../failpoint.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { showTable, type TableName } from '../plan/table.ts'
import type { Origin, Rival, StepRecord } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import { writerName } from '../state/trace.ts'
import type { Transaction } from '../target/target.ts'
import { addCounts, noCounts, shiftCounts } from './batch.ts'
import type { Context } from './executor.ts'
import { Settling, type Shift } from './settling.ts'
import { writersOf } from './writers.ts'

export interface Settlers {
  /** Writers whose records the caller counts itself; those of others are counted anew in the ledger. */
  readonly counted: readonly string[]
  /** Does work in a transaction, under the lease, and hears what has to be counted differently. */
  transact(work: (tx: Transaction) => Promise<readonly Shift[]>): Promise<void>
}

/**
 * Settles all rows of a table that were left open, now that all their records are known: reads those again, decides by what they are, and
 * writes the outcome: one of them has the row, or all are quarantined.
 */
export async function settleContests(
  table: TableName,
  context: Context,
  { counted, transact }: Settlers = { counted: [], transact: underLease(context) },
): Promise<void> {
  const { target, ledger, batchRows } = context
  const writers = writersOf(context.compiled, table)
  const name = showTable(table)
  if (!writers.collide) return
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
  for (;;) {
    const { open, rivals } = await stillOpen()
    if (open.length === 0) return
    context.signal.throwIfAborted()
    const found = await readRecords([...open, ...rivals], writers.mappings, context)
    const steps = await ledger.steps()
    await transact(async (tx) => {
      const settling = await Settling.begin(tx, { name, writers, ledger })
      await settling.run(open, rivals, found)
      const others = writers.mappings.filter((it) => !counted.includes(writerName(it)))
      for (const record of steps.values()) await recount(tx, record, others, settling.shifts, context)
      return settling.shifts
    })
    failpoint('backfill.settled')
  }
}

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
