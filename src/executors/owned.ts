import type { BackfillStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { qualified } from '../target/ddl.ts'
import { rowKeySql } from '../target/row-key.ts'
import type { Transaction } from '../target/target.ts'

/** Deletes the rows of a mapping from a table whose origins are kept, and forgets the origins. Gives how many rows that were. */
export async function deleteOwned(tx: Transaction, step: BackfillStep, ledger: Ledger): Promise<number> {
  const { table, mapping } = step
  const name = showTable(table.name)
  const key = await rowKeySql(tx, table.name, mapping.key, 't')
  const rows = await tx.query(
    `WITH gone AS (
       DELETE FROM ${qualified(table.name)} t USING kvmig.origin o
       WHERE o.target = $1 AND o.mapping = $2 AND o.row_key = ${key} RETURNING 1)
     SELECT count(*) AS deleted FROM gone`,
    [name, mapping.name],
  )
  await ledger.origins.clear(tx, name, mapping.name)
  return Number(rows[0]?.deleted ?? 0)
}
