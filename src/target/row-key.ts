import { createHash } from 'node:crypto'
import type { TableName } from '../plan/table.ts'
import { sentValues } from './sent-values.ts'
import type { Transaction } from './target.ts'

/** Stands for a row's key wherever rows are remembered: the first 16 bytes of the SHA-256 of the key's binary COPY tuple. */
export const rowKeyOf = (keyTuple: Buffer): Buffer =>
  createHash('sha256').update(keyTuple).digest().subarray(0, 16)

/** The same, computed by the server: a bytea expression over the columns of `alias`. */
export async function rowKeySql(
  tx: Transaction,
  table: TableName,
  columns: readonly string[],
  alias: string,
): Promise<string> {
  const fields = (await sentValues(tx, table, columns, alias)).map(
    (bytes) => `coalesce(int4send(octet_length(${bytes})) || ${bytes}, '\\xffffffff'::bytea)`,
  )
  return `substring(sha256(int2send(${columns.length}::int2) || ${fields.join(' || ')}) FROM 1 FOR 16)`
}
