import { tupleFields } from './codec.ts'
import { qualified, quote } from './ddl.ts'
import { castSql, type StageColumn, stagedSql } from './stage.ts'
import type { TableRows } from './table-rows.ts'
import type { Transaction } from './target.ts'

/** Deletes the rows with these keys, given as binary tuples, by the table's key. Gives how many there were. */
export async function deleteRows(
  tx: Transaction,
  { name, keyWires }: Pick<TableRows, 'name' | 'keyWires'>,
  keys: readonly Buffer[],
): Promise<number> {
  let deleted = 0
  for (let from = 0; from < keys.length; from += KEYS_A_STATEMENT) {
    const some = keys.slice(from, from + KEYS_A_STATEMENT)
    const rows = some.map(
      (_, row) => `(${keyWires.map((it, index) => cell(it, row * keyWires.length + index + 1)).join(', ')})`,
    )
    const names = keyWires.map((_, index) => `k${index}`)
    const matches = keyWires.map((it, index) => `t.${quote(it.name)} = k.${names[index]}`).join(' AND ')
    const [found] = await tx.query(
      `WITH gone AS (DELETE FROM ${qualified(name)} t USING (VALUES ${rows.join(', ')}) k(${names.join(', ')}) WHERE ${matches} RETURNING 1)
        SELECT count(*) AS count FROM gone`,
      some.flatMap(tupleFields),
    )
    deleted += Number(found!.count)
  }
  return deleted
}

const KEYS_A_STATEMENT = 1000

const cell = ({ wire }: StageColumn, number: number): string =>
  `$${number}::${stagedSql(wire)}${castSql(wire)}`
