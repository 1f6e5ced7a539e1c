import type { BackfillStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import { qualified } from '../target/ddl.ts'
import { rowKeySql } from '../target/row-key.ts'
import type { Transaction } from '../target/target.ts'
import { requireUnreferenced } from './referenced.ts'

/**
 * Deletes the rows of a mapping from a table whose origins are kept, and forgets the origins. Rows that were there before the migration
 * stay, also if they were updated. Throws STILL_REFERENCED if rows that stay refer to one that has to go.
 */
export async function deleteOwned(
  tx: Transaction,
  { plan, mapping, table }: BackfillStep,
  ledger: Ledger,
): Promise<void> {
  const name = showTable(table.name)
  const writer = writerName({ plan, mapping })
  const parameters = [name, writer]
  const keys = { t: '', c: '' }
  for (const alias of ['t', 'c'] as const) keys[alias] = await rowKeySql(tx, table.name, mapping.key, alias)
  const owned = (alias: string) =>
    `EXISTS (SELECT FROM kvmig.origin o WHERE o.target = $1 AND o.writer = $2 AND NOT o.existed AND o.state <> 'contested' AND o.row_key = ${keys[alias as 't' | 'c']})`
  await requireUnreferenced(tx, table.name, owned, parameters)
  await tx.query(`DELETE FROM ${qualified(table.name)} t WHERE ${owned('t')}`, parameters)
  await ledger.origins.clear(tx, name, writer, { merged: mapping.merge !== undefined })
}

/**
 * Rows that `deleteOwned` would delete, and rows of the application that a mapping with `existing: update` wrote over: those stay as they
 * are now, since nobody kept what was there before.
 */
export async function countOwned(
  tx: Transaction,
  { plan, mapping, table }: BackfillStep,
): Promise<{ readonly own: number; readonly overwritten: number }> {
  const key = await rowKeySql(tx, table.name, mapping.key, 't')
  const [row] = await tx.query(
    `SELECT count(*) FILTER (WHERE NOT o.existed AND o.state <> 'contested') AS own,
       count(*) FILTER (WHERE o.existed AND o.state = 'stands') AS overwritten
     FROM ${qualified(table.name)} t JOIN kvmig.origin o ON o.target = $1 AND o.row_key = ${key} WHERE o.writer = $2`,
    [showTable(table.name), writerName({ plan, mapping })],
  )
  return { own: Number(row!.own), overwritten: Number(row!.overwritten) }
}
