import { tupleFields } from './codec.ts'
import { qualified, quote } from './ddl.ts'
import { castSql, type StageColumn, stagedSql } from './stage.ts'
import { reachTypes, type TableRows } from './table-rows.ts'
import type { Transaction } from './target.ts'

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
  const { wires, key } = table
  const isKey = new Set(key.map((it) => it.name))
  const others = wires.filter(({ name }) => !isKey.has(name))
  const update =
    others.length === 0
      ? 'NOTHING'
      : `UPDATE SET ${others.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`).join(', ')}`
  const together = Math.max(1, Math.floor(MOST_PARAMETERS / wires.length))
  for (let from = 0; from < tuples.length; from += together) {
    const some = tuples.slice(from, from + together)
    const rows = some.map(
      (_, row) => `(${wires.map((it, index) => parameter(it, row * wires.length + index)).join(', ')})`,
    )
    await tx.query(
      `INSERT INTO ${qualified(table.name)} (${wires.map(({ name }) => quote(name)).join(', ')})
        VALUES ${rows.join(', ')} ON CONFLICT (${key.map(({ name }) => quote(name)).join(', ')}) DO ${update}`,
      some.flatMap(tupleFields),
    )
  }
}

/** Deletes the row with this key, if there is one, and says whether there was. */
export async function deleteRow(tx: Transaction, table: TableRows, keyTuple: Buffer): Promise<boolean> {
  await reachTypes(tx, table)
  const matches = table.keyWires.map((it, index) => `${quote(it.name)} = ${parameter(it, index)}`)
  const rows = await tx.query(
    `DELETE FROM ${qualified(table.name)} WHERE ${matches.join(' AND ')} RETURNING 1`,
    tupleFields(keyTuple),
  )
  return rows.length > 0
}

const parameter = ({ wire }: StageColumn, index: number): string =>
  `$${index + 1}::${stagedSql(wire)}${castSql(wire)}`

const MOST_PARAMETERS = 20_000
