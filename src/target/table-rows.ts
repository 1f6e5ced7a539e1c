import { TargetError } from '../errors.ts'
import { type ColumnDefinition, showTable, type TableName } from '../plan/table.ts'
import type { Row } from '../value.ts'
import { encodeTuple, fieldAt, TupleWriter, tupleFields } from './codec.ts'
import { wireTypes } from './column-types.ts'
import { quote } from './ddl.ts'
import { type ForeignKeyFacts, inspectTable } from './inspect.ts'
import { readRows } from './read-rows.ts'
import { rowKeyOf } from './row-key.ts'
import { isDirect, type StageColumn } from './stage.ts'
import type { Transaction } from './target.ts'

/** What loading and comparing need to know of a table, looked up once a pass. */
export interface TableRows {
  readonly name: TableName
  /** The columns that kvmig fills, in the order of a row's cells. */
  readonly columns: readonly ColumnDefinition[]
  readonly columnNames: readonly string[]
  readonly key: readonly ColumnDefinition[]
  /** Places of the key's columns in `columns`. */
  readonly keyIndexes: readonly number[]
  /** Foreign keys that are there already. */
  readonly references: readonly ForeignKeyFacts[]
  /** Has it a column of a type that kvmig has no codec for? Then every row goes through a stage. */
  readonly staged: boolean
  /** `columns` and `key` with what only the database knows of their types. */
  readonly wires: readonly StageColumn[]
  readonly keyWires: readonly StageColumn[]
  /** The row as binary COPY has it, in memory of its own. */
  tuple(row: Row): Buffer
  /** A writer for many rows. */
  writer(): TupleWriter
  keyTuple(row: Row): Buffer
  /** 16 bytes that stand for the row's key. */
  rowKey(row: Row): Buffer
}

export async function openTableRows(
  tx: Transaction,
  { name, columns, keyIndexes }: Pick<TableRows, 'name' | 'columns' | 'keyIndexes'>,
): Promise<TableRows> {
  const facts = await inspectTable(tx, name)
  if (!facts) {
    throw new TargetError('TABLE_MISSING', `Table ${showTable(name)} is not there.`, {
      hint: 'Where it was never applied: kvmig apply --phase=A makes it. Where somebody dropped it since: kvmig rollback PLAN, then kvmig apply --phase=A.',
    })
  }
  const key = keyIndexes.map((it) => columns[it]!)
  const types = await wireTypes(tx, name, columns)
  const wires = columns.map(({ name }, place) => ({ name, wire: types[place]! }))
  const keyWires = keyIndexes.map((it) => wires[it]!)
  const keyTypes = keyWires.map((it) => it.wire)
  const keyTuple = (row: Row): Buffer =>
    encodeTuple(
      keyTypes,
      keyIndexes.map((it) => row[it]!),
    )
  return {
    name,
    columns,
    columnNames: columns.map((it) => it.name),
    key,
    keyIndexes,
    references: facts.foreignKeys,
    staged: !isDirect(wires),
    wires,
    keyWires,
    tuple: (row) => encodeTuple(types, row),
    writer: () => new TupleWriter(types),
    keyTuple,
    rowKey: (row) => rowKeyOf(keyTuple(row)),
  }
}

/**
 * Brings the operators of a table's types into reach for the rest of the transaction: two texts may be the same citext, and only citext
 * knows. Names of kvmig's own are qualified, or Postgres's, which come first.
 */
export async function reachTypes(tx: Transaction, { wires }: Pick<TableRows, 'wires'>): Promise<void> {
  const schemas = schemasOf(wires)
  if (schemas.length > 0)
    await tx.query(`SET LOCAL search_path = pg_catalog, ${schemas.map(quote).join(', ')}`)
}

/** Are all of a table's types Postgres's own, so that there is nothing to bring into reach? */
export const typesAreNear = ({ wires }: Pick<TableRows, 'wires'>): boolean => schemasOf(wires).length === 0

const schemasOf = (wires: TableRows['wires']): readonly string[] =>
  [...new Set(wires.flatMap(({ wire }) => wire.schema ?? []))].sort()

/** The stored tuples of rows with the keys of these; undefined where there is none. */
export const readTuples = (
  tx: Transaction,
  table: TableRows,
  rows: readonly Row[],
): Promise<(Buffer | undefined)[]> =>
  readRows(
    tx,
    table.name,
    table.wires,
    table.keyWires,
    rows.map((row) => table.keyIndexes.map((it) => row[it]!)),
  )

/** What a row has in each column, by name, from its tuple. */
export function cellsOf(
  { columnNames }: Pick<TableRows, 'columnNames'>,
  tuple: Buffer,
): ReadonlyMap<string, Buffer | null> {
  const fields = tupleFields(tuple)
  return new Map(columnNames.map((name, place) => [name, fields[place]!]))
}

/** Names of the columns in which two tuples of a table are not the same, in the order of the tuple. */
export function differingColumns(
  { columnNames }: Pick<TableRows, 'columnNames'>,
  one: Buffer,
  other: Buffer,
): readonly string[] {
  const [here, there] = [tupleFields(one), tupleFields(other)]
  const isSame = (place: number) => {
    const [a, b] = [here[place]!, there[place]!]
    return a === null || b === null ? a === b : a.equals(b)
  }
  return columnNames.filter((_, place) => !isSame(place))
}

/** The key's fields of a row's tuple, as a tuple. */
export function keyTupleOf({ keyIndexes }: Pick<TableRows, 'keyIndexes'>, tuple: Buffer): Buffer {
  let bytes = 2
  const fields = keyIndexes.map((index) => {
    const start = fieldAt(tuple, 0, index)
    const end = start + 4 + Math.max(0, tuple.readInt32BE(start))
    bytes += end - start
    return { start, end }
  })
  const made = Buffer.allocUnsafe(bytes)
  let at = made.writeInt16BE(fields.length, 0)
  for (const { start, end } of fields) at += tuple.copy(made, at, start, end)
  return made
}
