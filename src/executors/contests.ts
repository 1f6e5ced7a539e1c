import { failpoint } from '../failpoint.ts'
import { showTable, type TableName } from '../plan/table.ts'
import type { Origin, Rival } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import type { Transaction } from '../target/target.ts'
import type { Context } from './executor.ts'
import { readRecords } from './read-records.ts'
import { type Shift, Settling } from './settling.ts'
import { writersOf } from './writers.ts'

/** Does work in a transaction, under the lease, and hears what has to be counted differently. */
export type Transact = (work: (tx: Transaction) => Promise<readonly Shift[]>) => Promise<void>

/**
 * Settles all rows of a table that were left open, now that all their records are known: reads those again, decides by what they are, and
 * writes the outcome: one of them has the row, or all are quarantined.
 */
export async function settleContests(table: TableName, context: Context, transact: Transact = underLease(context)): Promise<void> {
  const { target, ledger, batchRows } = context
  const writers = writersOf(context.compiled, table)
  const name = showTable(table)
  if (!writers.collide) return
  const stillOpen = (): Promise<{ open: readonly Origin[]; rivals: readonly Rival[] }> =>
    target.transaction(async (tx) => {
      const open = await ledger.origins.open(tx, name, batchRows)
      return { open, rivals: await ledger.origins.rivals.of(tx, name, open.map((it) => it.row)) }
    })
  for (;;) {
    const { open, rivals } = await stillOpen()
    if (open.length === 0) return
    context.signal.throwIfAborted()
    const records = await readRecords([...open, ...rivals], writers, context)
    await transact(async (tx) => {
      const settling = await Settling.begin(tx, { name, writers, ledger })
      await settling.run(open, rivals, records)
      return settling.shifts
    })
    failpoint('backfill.settled')
  }
}

const underLease =
  ({ target, lease }: Context): Transact =>
  async (work) => {
    await repeatably(() =>
      target.transaction(async (tx) => {
        await lease.fence(tx)
        await work(tx)
      }),
    )
  }
