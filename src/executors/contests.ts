import { TargetError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import { showTable, type TableName } from '../plan/table.ts'
import type { Origin, Rival } from '../state/ledger.ts'
import type { Transaction } from '../target/target.ts'
import type { Context } from './executor.ts'
import { readRecords } from './read-records.ts'
import { type Shift, Settling } from './settling.ts'
import { writersOf } from './writers.ts'

/**
 * Settles all rows of a table that were left open, now that all their records are known: reads those again, decides by what they are, and
 * writes the outcome: one of them has the row, or all are quarantined. `commit` is part of each transaction, and hears of records that
 * were counted as one thing and turned out to be another.
 */
export async function settleContests(
  table: TableName,
  context: Context,
  commit: (tx: Transaction, shifts: readonly Shift[]) => Promise<void> = async () => {},
): Promise<void> {
  const { target, ledger, lease, batchRows } = context
  const writers = writersOf(context.compiled, table)
  const name = showTable(table)
  const stillOpen = (): Promise<{ open: readonly Origin[]; rivals: readonly Rival[] }> =>
    target.transaction(async (tx) => {
      const open = await ledger.origins.open(tx, name, batchRows)
      return { open, rivals: await ledger.origins.rivals.of(tx, name, open.map((it) => it.row)) }
    })
  if (!writers.collide) return
  for (;;) {
    const { open, rivals } = await stillOpen()
    if (open.length === 0) return
    context.signal.throwIfAborted()
    const records = await readRecords([...open, ...rivals], writers, context)
    try {
      await target.transaction(async (tx) => {
        await lease.fence(tx)
        const settling = await Settling.begin(tx, { name, writers, ledger })
        await settling.run(open, rivals, records)
        await commit(tx, settling.shifts)
      })
    } catch (error) {
      // Settled, or open still: the ledger knows.
      if (!(error instanceof TargetError) || error.code !== 'COMMIT_UNKNOWN') throw error
    }
    failpoint('backfill.settled')
  }
}
