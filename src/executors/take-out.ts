import { showTable } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { type Traced, trace, tracedTo } from '../state/trace.ts'
import { rowKeyOf } from '../target/row-key.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Reject } from '../value.ts'
import type { Writers } from './writers.ts'

/**
 * Puts the records of rows that were taken out of a table into the quarantine, and with them those that had given way to them. `keys`:
 * the rows' key tuples. Gives the records that had the rows, in the order of the keys (undefined for a row that kvmig did not write), and
 * the others.
 */
export async function quarantineRecords(
  tx: Transaction,
  keys: readonly Buffer[],
  {
    table,
    writers,
    ledger,
    reject,
  }: {
    readonly table: TableRows
    readonly writers: Writers
    readonly ledger: Ledger
    readonly reject: Reject
  },
): Promise<{ readonly owners: readonly (Traced | undefined)[]; readonly others: readonly Traced[] }> {
  const owners = await trace(tx, keys, table, writers.mappings, ledger, writers.tracked)
  const name = showTable(table.name)
  const rowKeys = keys.map(rowKeyOf)
  const rivals = writers.collide ? await ledger.origins.rivals.of(tx, name, rowKeys) : []
  const others = rivals.flatMap((it) => tracedTo(it, writers.mappings) ?? [])
  const records = [...owners.filter((it) => it !== undefined), ...others]
  await ledger.quarantine.add(
    tx,
    records.map((record) => ({
      ...record,
      ...reject,
      column: reject.column,
      bytes: undefined,
      digest: undefined,
    })),
  )
  if (writers.tracked) await ledger.origins.remove(tx, name, rowKeys)
  return { owners, others }
}
