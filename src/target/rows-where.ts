import type { Row } from '../value.ts'
import { encodeTuple, tupleFields } from './codec.ts'
import { qualified, quote } from './ddl.ts'
import { castSql, type StageColumn, stagedSql, storedValues } from './stage.ts'
import { reachTypes, type TableRows } from './table-rows.ts'
import type { Transaction } from './target.ts'

/** All rows with these cells in these columns, as tuples; every row, where no column is given. NULL equals NULL. */
export async function rowsWhere(
  tx: Transaction,
  table: Pick<TableRows, 'name' | 'wires'>,
  columns: readonly string[],
  cells: Row,
): Promise<readonly Buffer[]> {
  await reachTypes(tx, table)
  const wires = columns.map((name) => table.wires.find((it) => it.name === name)!)
  const parameters = tupleFields(
    encodeTuple(
      wires.map((it) => it.wire),
      cells,
    ),
  )
  const matches = wires.map((it, index) =>
    parameters[index] === null
      ? `t.${quote(it.name)} IS NULL`
      : `t.${quote(it.name)} = ${parameter(it, index)}`,
  )
  const where = matches.length === 0 ? '' : ` WHERE ${matches.join(' AND ')}`
  return rowsOf(
    tx,
    `SELECT ${storedValues('t', table.wires)} FROM ${qualified(table.name)} t${where}`,
    parameters,
  )
}

/** Rows by what stands for their keys in the ledger: reads the whole table. */
export async function rowsByRowKey(
  tx: Transaction,
  table: Pick<TableRows, 'name' | 'wires'>,
  rowKey: string,
  rowKeys: Buffer,
): Promise<readonly Buffer[]> {
  await reachTypes(tx, table)
  const select = `SELECT ${storedValues('t', table.wires)} FROM ${qualified(table.name)} t WHERE ${rowKey} = ANY ($1::bytea[])`
  return rowsOf(tx, select, [rowKeys])
}

async function rowsOf(
  tx: Transaction,
  select: string,
  parameters: readonly (Buffer | null)[],
): Promise<readonly Buffer[]> {
  const found: Buffer[] = []
  for await (const tuples of tx.copyOut(select, parameters))
    for (const it of tuples) found.push(Buffer.from(it))
  return found
}

const parameter = ({ wire }: StageColumn, index: number): string =>
  `$${index + 1}::${stagedSql(wire)}${castSql(wire)}`
