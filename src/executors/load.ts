import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import { type Batch, type LoadCounts, noLoadCounts, type Rejected } from './batch.ts'

export interface Loaded {
  readonly counts: LoadCounts
  /** Records of the batch that the table refuses. */
  readonly rejects: readonly Rejected[]
}

/**
 * Writes a batch by COPY straight into its table. Throws the server's `TargetError` when a row is refused, be it for a key that is there
 * already; the transaction is lost then, and the caller writes the batch again with `loadCarefully`.
 */
export async function loadDirectly(tx: Transaction, batch: Batch, table: TableRows): Promise<Loaded> {
  const writer = table.writer()
  for (const row of sorted(batch.rows, table)) writer.append(row)
  await tx.copyIn(table.name, table.columnNames, [writer.all()])
  const counts = { ...noLoadCounts(), inserted: batch.rows.length, rejected: batch.rejects.length }
  return { counts, rejects: batch.rejects }
}

// Random keys into a B-tree are what makes COPY slow at millions of rows; a batch in the order of its key is not random.
function sorted(rows: readonly Row[], { keyIndexes }: TableRows): readonly Row[] {
  const first = keyIndexes[0]
  if (first === undefined) return rows
  return rows.toSorted((a, b) => (a[first]! < b[first]! ? -1 : a[first]! > b[first]! ? 1 : 0))
}
