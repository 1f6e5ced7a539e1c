import { TargetError } from '../errors.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { qualified } from './ddl.ts'
import type { Target, Transaction } from './target.ts'

/** Rows of each table, by its shown name. Tables that are not there, or that the role may not read, are left out. */
export async function countRows(
  target: Target,
  tables: readonly TableName[],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const table of tables) {
    if (found.has(showTable(table))) continue
    const rows = await count(target, table)
    if (rows !== undefined) found.set(showTable(table), rows)
  }
  return found
}

/** Has the table any? */
export async function hasRows(tx: Transaction, table: TableName): Promise<boolean> {
  return (await tx.query(`SELECT FROM ${qualified(table)} LIMIT 1`)).length > 0
}

async function count(target: Target, table: TableName): Promise<number | undefined> {
  try {
    const [row] = await target.transaction((tx) => tx.query(`SELECT count(*) FROM ${qualified(table)}`), {
      readOnly: true,
      statementMillis: 0,
    })
    return Number(row!.count)
  } catch (error) {
    if (error instanceof TargetError && UNREADABLE.has(error.sqlState ?? '')) return undefined
    throw error
  }
}

/** No such table, no such schema, may not, hidden by a policy. */
const UNREADABLE = new Set(['42P01', '3F000', '42501'])
