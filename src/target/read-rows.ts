import type { TableName } from '../plan/table.ts'
import type { Row } from '../value.ts'
import { arrayOfFields, encodeTuple, tupleField, tupleFields } from './codec.ts'
import { qualified, quote } from './ddl.ts'
import { castSql, type StageColumn, stagedSql, storedValues } from './stage.ts'
import type { Transaction } from './target.ts'

/**
 * The rows with these keys as a `TupleWriter` would write their columns; undefined where there is none. Keys may repeat; a key with NULL
 * finds nothing. Needs nothing but SELECT: no temporary table, no writing transaction.
 */
export const readRows = (
  tx: Transaction,
  table: TableName,
  columns: readonly StageColumn[],
  key: readonly StageColumn[],
  keys: readonly Row[],
): Promise<(Buffer | undefined)[]> => {
  const wires = key.map(({ wire }) => wire)
  return readRowsAt(
    tx,
    { name: table, wires: columns, keyWires: key },
    keys.map((it) => encodeTuple(wires, it)),
  )
}

/** The same, by tuples of keys. */
export async function readRowsAt(
  tx: Transaction,
  {
    name: table,
    wires: columns,
    keyWires: key,
  }: {
    readonly name: TableName
    readonly wires: readonly StageColumn[]
    readonly keyWires: readonly StageColumn[]
  },
  keys: readonly Buffer[],
): Promise<(Buffer | undefined)[]> {
  const found: (Buffer | undefined)[] = new Array(keys.length).fill(undefined)
  const matches = key.map(({ name }, index) => `t.${quote(name)} = k.k${index}`).join(' AND ')
  for (let from = 0; from < keys.length; from += KEYS_A_STATEMENT) {
    const { sql, parameters } = keyRows(key, keys.slice(from, from + KEYS_A_STATEMENT))
    const select = `SELECT k.n, ${storedValues('t', columns)} FROM ${sql} JOIN ${qualified(table)} t ON ${matches}`
    for await (const tuples of tx.copyOut(select, parameters)) {
      for (const tuple of tuples) {
        const number = Number(tuple.readBigInt64BE(NUMBER_AT))
        found[from + number - 1] = withoutNumber(tuple)
      }
    }
  }
  return found
}

/** All keys of a table, in no order, in chunks of about a megabyte. */
export function scanKeys(
  tx: Transaction,
  table: TableName,
  key: readonly StageColumn[],
): AsyncIterable<readonly Buffer[]> {
  return tx.copyOut(`SELECT ${storedValues('t', key)} FROM ${qualified(table)} t`)
}

/** All rows of a table, likewise. */
export function scanRows(
  tx: Transaction,
  table: TableName,
  columns: readonly StageColumn[],
): AsyncIterable<readonly Buffer[]> {
  return scanKeys(tx, table, columns)
}

const KEYS_A_STATEMENT = 5000

// A row comes with the number of its key in front: count of fields, length of the number, the number.
const NUMBER_AT = 6
const NUMBERED_BYTES = 12

// The tuple without its first field, in place: the new count goes right before the second.
function withoutNumber(tuple: Buffer): Buffer {
  tuple.writeInt16BE(tuple.readInt16BE(0) - 1, NUMBERED_BYTES)
  return tuple.subarray(NUMBERED_BYTES)
}

// The keys as a relation k(k0, k1, …, n), numbered from 1.
function keyRows(
  key: readonly StageColumn[],
  keys: readonly Buffer[],
): { readonly sql: string; readonly parameters: readonly (Buffer | null)[] } {
  const wires = key.map(({ wire }) => wire)
  const names = key.map((_, index) => `k${index}`).join(', ')
  // unnest would take arrays apart to their last element: then one parameter for each cell.
  if (wires.some(({ type }) => type.array)) {
    const rows = keys.map((_, row) => {
      const cells = wires.map(
        (it, index) => `$${row * key.length + index + 1}::${stagedSql(it)}${castSql(it)}`,
      )
      return `(${cells.join(', ')}, ${row + 1}::bigint)`
    })
    return {
      sql: `(VALUES ${rows.join(', ')}) k(${names}, n)`,
      parameters: keys.flatMap(tupleFields),
    }
  }
  const arrays = wires.map((it, index) => `$${index + 1}::${stagedSql(it)}[]`)
  const cells = wires.map((it, index) => `u.k${index}${castSql(it)} AS k${index}`)
  return {
    sql: `(SELECT ${cells.join(', ')}, u.n FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS u(${names}, n)) k`,
    parameters: wires.map((it, index) =>
      arrayOfFields(
        it,
        keys.map((tuple) => tupleField(tuple, index)),
      ),
    ),
  }
}
