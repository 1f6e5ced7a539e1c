import { showTable } from '../plan/table.ts'
import type { Ledger, Origin } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
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
  const order = sortedPlaces(batch.rows, table)
  const tuples = table.writer()
  for (const place of order) tuples.append(batch.rows[place]!)
  await tx.copyIn(table.name, table.columnNames, [tuples.all()])
  if (writers.tracked) {
    const writer = writerName(batch.compiled)
    const origins = batch.rows.map((row, place): Origin => {
      const record = { key: batch.keys[place]!, part: batch.parts[place]!() }
      return { row: table.rowKey(row), writer, ...record, state: 'stands', existed: false }
    })
    await ledger.origins.copy(
      tx,
      showTable(table.name),
      origins.sort((a, b) => Buffer.compare(a.row, b.row)),
    )
  }
  const counts = { ...noLoadCounts(), inserted: batch.rows.length, rejected: batch.rejects.length }
  return { counts, rejects: batch.rejects }
}

// Random keys into a B-tree are what makes COPY slow at millions of rows; a batch in the order of its key is not random.
function sortedPlaces(rows: readonly Row[], { keyIndexes }: TableRows): readonly number[] {
  const places = [...rows.keys()]
  const first = keyIndexes[0]
  if (first === undefined) return places
  const cells = rows.map((row) => row[first]!)
  return places.sort((a, b) => (cells[a]! < cells[b]! ? -1 : cells[a]! > cells[b]! ? 1 : 0))
}
