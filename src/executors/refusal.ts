import { showTable, type TableName } from '../plan/table.ts'
import type { Refused } from '../target/halve.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Reject } from '../value.ts'

/** Why a record that could be made into a row did not get it. */
export const conflict = (table: TableRows): Reject => ({
  code: 'CONFLICT',
  message: `Several records give the same row of ${showTable(table.name)} (${table.key.map((it) => it.name).join(', ')}) with different content, and the mapping's conflict policy does not choose between them.`,
})

export const existingRow = (table: TableRows): Reject => ({
  code: 'EXISTING_ROW',
  message: `${showTable(table.name)} had another row with this key before the migration; kvmig does not touch it (existing: update would).`,
})

export const orphan = ({
  columns,
  to,
}: {
  readonly columns: readonly string[]
  readonly to: TableName
}): Reject => ({
  code: 'ORPHAN',
  message: `There is no row of ${showTable(to)} that ${columns.join(', ')} could refer to.`,
  ...theColumn(columns),
})

export const notUnique = (table: TableName, constraint: string, columns: readonly string[] = []): Reject => ({
  code: 'UNIQUE_VIOLATION',
  message: `Another row of ${showTable(table)} has the same value under ${constraint}, which allows it once. The record whose source key comes first has the row.`,
  ...theColumn(columns),
})

/** What the server said to a row, without the row. */
export function refusal(error: Refused, { name }: Pick<TableRows, 'name'>): Reject {
  const at = error.column ? { column: error.column } : {}
  if (error.sqlState === '23505')
    return { ...notUnique(name, error.constraint ?? 'a unique constraint'), ...at }
  if (error.sqlState === '23502')
    return { code: 'NULL_NOT_ALLOWED', message: `${showTable(name)} wants a value here.`, ...at }
  // Of a check Postgres names the constraint; without a name it found no partition for the row.
  if (error.sqlState === '23514' && error.constraint === undefined)
    return {
      code: 'CONSTRAINT',
      message: `${showTable(name)} has no partition that takes this row (SQLSTATE 23514). Make one, then kvmig retry.`,
    }
  const rule = error.constraint ? ` (constraint ${error.constraint})` : ''
  return {
    code: 'CONSTRAINT',
    message: `${showTable(name)} refused the row: SQLSTATE ${error.sqlState}${rule}.`,
    ...at,
  }
}

const theColumn = (columns: readonly string[]): { column?: string } =>
  columns.length === 1 ? { column: columns[0]! } : {}
