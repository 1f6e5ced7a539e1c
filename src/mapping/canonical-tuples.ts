import { type Canonical, canonicalRows } from '../target/canonical-rows.ts'
import type { TupleWriter } from '../target/codec.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { RowBatch } from './row-batch.ts'

/** The rows of a batch as Postgres would have them; rows that it refuses are there as they are. */
export async function canonicalTuples(
  tx: Transaction,
  table: Pick<TableRows, 'wires' | 'writer'>,
  { cells, tuples }: RowBatch,
): Promise<{ readonly tuples: TupleWriter } & Pick<Canonical, 'refused'>> {
  if (!cells) return { tuples, refused: new Map() }
  const { rows, refused } = await canonicalRows(tx, table.wires, cells)
  const writer = table.writer()
  for (const row of rows) writer.append(row)
  return { tuples: writer, refused }
}
