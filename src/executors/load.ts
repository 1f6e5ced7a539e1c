import { showTable } from '../plan/table.ts'
import type { Ledger, Origin } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { sortedTuples } from '../target/sorted-tuples.ts'
import { keyTupleOf, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import { type Batch, type LoadCounts, noLoadCounts, type Rejected } from './batch.ts'
import type { Writers } from './writers.ts'

/** What loading needs besides the batch. */
export interface Loading {
  readonly table: TableRows
  readonly writers: Writers
  readonly ledger: Ledger
}

export interface Loaded {
  readonly counts: LoadCounts
  /** Records of the batch that the table refuses. */
  readonly rejects: readonly Rejected[]
}

/**
 * Writes a batch by COPY straight into its table. Throws the server's `DatabaseError` when a row is refused, be it for a key that is there
 * already; the transaction is lost then, and the caller writes the batch again with `loadCarefully`.
 */
export async function loadDirectly(
  tx: Transaction,
  batch: Batch,
  { table, writers, ledger }: Loading,
): Promise<Loaded> {
  const { tuples, count } = batch
  const { order, pieces } = sortedTuples(tuples, table.keyIndexes[0])
  await tx.copyIn(table.name, table.columnNames, pieces())
  if (writers.tracked) {
    const writer = writerName(batch.compiled)
    const origins = order.map((row): Origin => {
      const rowKey = rowKeyOf(keyTupleOf(table, tuples.tuple(row)))
      return {
        row: rowKey,
        writer,
        key: batch.key(row),
        part: batch.part(row),
        state: 'stands',
        existed: false,
      }
    })
    await ledger.origins.copy(
      tx,
      showTable(table.name),
      origins.sort((a, b) => Buffer.compare(a.row, b.row)),
    )
  }
  const counts = { ...noLoadCounts(), inserted: count, rejected: batch.rejects.length }
  return { counts, rejects: batch.rejects }
}
