import type { TableName } from '../plan/table.ts'
import { encodeTuple, fieldAt } from './codec.ts'
import { builtInType } from './column-types.ts'
import { quote } from './ddl.ts'
import { hashRow, keyHash, ROW_HASH, ROW_HASH_SINCE, rowHash } from './row-hash.ts'
import { sentValues } from './sent-values.ts'
import type { StageColumn } from './stage.ts'
import type { Target, Transaction } from './target.ts'

/** SQL behind FROM, with the rows of a table as `t`, and its parameters. */
export interface Rows {
  readonly table: TableName
  readonly from: string
  readonly parameters: readonly unknown[]
}

/** Rows summed up, whose keys' hashes fall into one bucket: how many, and the lower 32 bits of the sum of each half of their hashes. */
export interface RowSum {
  readonly bucket: number
  readonly count: number
  readonly high: number
  readonly low: number
}

/** Buckets that rows are summed up in, by the lower bits of their keys' hashes. */
export const BUCKETS = 65_536

/**
 * Can the server hash rows of these columns as `hashRow` does? It says so itself, of a row that has every length of field that the
 * function treats in a way of its own.
 */
export async function hashesRows(
  { version }: Pick<Target, 'version'>,
  tx: Transaction,
  columns: readonly StageColumn[],
): Promise<boolean> {
  if (version < ROW_HASH_SINCE) return false
  // They are written as text[], and sent as what they are.
  if (columns.some(({ wire: { type } }) => type.array && type.base === 'other')) return false
  const texts = Array.from({ length: 26 }, (_, length) => 'abcdefghijklmnopqrstuvwxyz'.slice(0, length))
  const values = [...texts.map((it) => `textsend('${it}')`), 'textsend(NULL::text)', 'int8send(-17)']
  const [row] = await tx.query(
    `SELECT ${rowHash(values)} AS row, ${keyHash(values)} AS key, current_setting('server_encoding') AS encoding`,
  )
  // Texts are hashed as they are stored.
  if (row!.encoding !== 'UTF8') return false
  const bigint = builtInType({ base: 'bigint', array: false, sql: 'bigint' })
  const text = builtInType({ base: 'text', array: false, sql: 'text' })
  const types = [...texts.map(() => text), text, bigint]
  hashRow(encodeTuple(types, [...texts, null, -17n]), 0, [...types.keys()])
  const [high, low, key] = ROW_HASH
  const hash = BigInt.asIntN(64, (BigInt(high!) << 32n) | BigInt(low!))
  return row!.row === String(hash) && BigInt.asUintN(32, BigInt(row!.key!)) === BigInt(key!)
}

/** Lets Postgres sum up rows itself, by their columns' values, so that nothing of them has to be sent. `key`: those that the buckets go by. */
export async function* sumRows(
  tx: Transaction,
  { table, from, parameters }: Rows,
  { columns, key }: { readonly columns: readonly StageColumn[]; readonly key: readonly StageColumn[] },
): AsyncGenerator<RowSum> {
  const row = rowHash(await hashed(tx, table, columns))
  const bucket = await bucketSql(tx, table, key)
  // A hash table of buckets, and no file of sorted rows: Postgres cannot know that there are so few of them.
  await tx.query('SET LOCAL enable_sort = off; SET LOCAL work_mem = 65536; SET LOCAL jit = off')
  // OFFSET keeps it from being computed once for each half.
  const sums = tx.copyOut(
    `SELECT bucket, count(*), sum((hash >> 32)::int4), sum(((hash << 32) >> 32)::int4)
     FROM (SELECT ${bucket} AS bucket, ${row} AS hash FROM ${from} OFFSET 0) r GROUP BY bucket`,
    parameters,
  )
  for await (const tuples of sums) {
    for (const tuple of tuples) {
      const [bucket, count, high, low] = [0, 1, 2, 3].map((it) =>
        tuple.readUInt32BE(fieldAt(tuple, 0, it) + 8),
      )
      yield { bucket: bucket!, count: count!, high: high!, low: low! }
    }
  }
}

/** SQL that is true of rows `t` whose keys fall into the buckets of the parameter, a `bigint[]`. */
export const inBuckets = async (
  tx: Transaction,
  table: TableName,
  key: readonly StageColumn[],
  parameter: number,
): Promise<string> => `${await bucketSql(tx, table, key)} = ANY ($${parameter}::bigint[])`

/** The hashes of the first rows of a table, at most so many, as Postgres computes them: eight bytes each, in no order, in large pieces. */
export async function* hashRows(
  tx: Transaction,
  { table, from, parameters }: Rows,
  { columns, most }: { readonly columns: readonly StageColumn[]; readonly most: number },
): AsyncGenerator<Buffer> {
  const row = rowHash(await hashed(tx, table, columns))
  await tx.query('SET LOCAL enable_sort = off; SET LOCAL work_mem = 65536; SET LOCAL jit = off')
  const pieces = tx.copyOut(
    `SELECT string_agg(int8send(hash), ''::bytea)
     FROM (SELECT ${row} AS hash FROM ${from} LIMIT ${most}) r GROUP BY hash & ${PIECES - 1}`,
    parameters,
  )
  for await (const tuples of pieces) for (const tuple of tuples) yield tuple.subarray(6)
}

const PIECES = 64

/** What is hashed: bytes, and of texts, which are stored as they are sent, the texts themselves. */
async function hashed(tx: Transaction, table: TableName, columns: readonly StageColumn[]): Promise<string[]> {
  const names = columns.map(({ name }) => name)
  const sent = await sentValues(tx, table, names, 't')
  return columns.map(({ name, wire: { type } }, at) =>
    TEXTS.includes(type.base) && !type.array ? `t.${quote(name)} COLLATE "C"` : sent[at]!,
  )
}

const TEXTS: readonly string[] = ['text', 'varchar']

const bucketSql = async (tx: Transaction, table: TableName, key: readonly StageColumn[]): Promise<string> =>
  `(${keyHash(await hashed(tx, table, key))} & ${BUCKETS - 1})`
