import { tupleFields } from './codec.ts'
import { qualified, quote } from './ddl.ts'
import { castSql, type StageColumn, stagedSql } from './stage.ts'
import { reachTypes, type TableRows } from './table-rows.ts'
import type { Statement, Transaction } from './target.ts'

/** Writes one row over what has its key. Columns that kvmig does not fill keep what they have, or take their default. */
export const upsertRow = (tx: Transaction, table: TableRows, tuple: Buffer): Promise<void> =>
  upsertRows(tx, table, [tuple])

/** The same for many rows. No two of them have one key. */
export async function upsertRows(
  tx: Transaction,
  table: TableRows,
  tuples: readonly Buffer[],
): Promise<void> {
  await reachTypes(tx, table)
  const together = Math.max(1, Math.floor(MOST_PARAMETERS / table.wires.length))
  for (let from = 0; from < tuples.length; from += together) {
    const { sql, parameters } = upsertStatement(table, tuples.slice(from, from + together))
    await tx.query(sql, parameters)
  }
}

/** Deletes the row with this key, if there is one, and says whether there was. */
export async function deleteRow(tx: Transaction, table: TableRows, keyTuple: Buffer): Promise<boolean> {
  await reachTypes(tx, table)
  const { sql, parameters } = deleteStatement(table, keyTuple)
  return (await tx.query(sql, parameters)).length > 0
}

/** What `upsertRows` sends for rows of one statement, where the table's types are in reach. */
export function upsertStatement(table: TableRows, tuples: readonly Buffer[]): Statement {
  const { wires, key } = table
  const isKey = new Set(key.map((it) => it.name))
  const others = wires.filter(({ name }) => !isKey.has(name))
  const update =
    others.length === 0
      ? 'NOTHING'
      : `UPDATE SET ${others.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`).join(', ')}`
  const rows = tuples.map(
    (_, row) => `(${wires.map((it, index) => parameter(it, row * wires.length + index)).join(', ')})`,
  )
  return {
    sql: `INSERT INTO ${qualified(table.name)} (${wires.map(({ name }) => quote(name)).join(', ')})
      VALUES ${rows.join(', ')} ON CONFLICT (${key.map(({ name }) => quote(name)).join(', ')}) DO ${update}`,
    parameters: tuples.flatMap(tupleFields),
  }
}

/** What `deleteRow` sends, where the table's types are in reach. */
export function deleteStatement(table: TableRows, keyTuple: Buffer): Statement {
  const matches = table.keyWires.map((it, index) => `${quote(it.name)} = ${parameter(it, index)}`)
  return {
    sql: `DELETE FROM ${qualified(table.name)} WHERE ${matches.join(' AND ')} RETURNING 1`,
    parameters: tupleFields(keyTuple),
  }
}

const parameter = ({ wire }: StageColumn, index: number): string =>
  `$${index + 1}::${stagedSql(wire)}${castSql(wire)}`

const MOST_PARAMETERS = 20_000
