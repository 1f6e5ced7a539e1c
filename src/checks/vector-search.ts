import type { TableName } from '../plan/table.ts'
import type { Metric } from '../sources/source.ts'
import { tupleFields } from '../target/codec.ts'
import { qualified, quote } from '../target/ddl.ts'
import { storedValues } from '../target/stage.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'

/** An index that answers which rows are nearest. */
export interface VectorIndex {
  readonly name: string
  /** Of which metric its operator class is; the class itself where it is of none that stores know. */
  readonly metric: Metric | string
}

/** A row by its key, as a tuple, and how far it is. */
export interface NearRow {
  readonly key: string
  readonly distance: number
}

/** The valid hnsw and ivfflat indexes over a column. */
export async function indexesOn(
  tx: Transaction,
  table: TableName,
  column: string,
): Promise<readonly VectorIndex[]> {
  const rows = await tx.query(
    `SELECT x.relname AS name, o.opcname AS class FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
     JOIN pg_opclass o ON o.oid = i.indclass[0] JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = $1::regclass AND a.attname = $2 AND m.amname IN ('hnsw', 'ivfflat') AND i.indisvalid ORDER BY 1`,
    [qualified(table), column],
  )
  return rows.map((it) => ({ name: it.name!, metric: METRICS[it.class!] ?? it.class! }))
}

const METRICS: Readonly<Record<string, Metric>> = {
  vector_l2_ops: 'l2',
  vector_cosine_ops: 'cosine',
  vector_ip_ops: 'ip',
}

/**
 * The rows nearest to a vector, nearest first, with distances as stores of vectors tell them. By the index, however few rows there are. The
 * settings of the session hold, so that it finds what the application would.
 */
export async function nearestRows(
  tx: Transaction,
  table: TableRows,
  {
    column,
    metric,
    vector,
    count,
  }: {
    readonly column: string
    readonly metric: Metric
    readonly vector: readonly number[]
    readonly count: number
  },
): Promise<readonly NearRow[]> {
  await tx.query('SET LOCAL enable_seqscan = off')
  const [schema] = await tx.query(
    `SELECT n.nspname AS name FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = (
       SELECT atttypid FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2)`,
    [qualified(table.name), column],
  )
  const near = `t.${quote(column)} OPERATOR(${quote(schema!.name!)}.${OPERATORS[metric].operator}) $1::${quote(schema!.name!)}.vector`
  const select = `SELECT (${near})::float8, ${storedValues('t', table.keyWires)} FROM ${qualified(table.name)} t
    WHERE t.${quote(column)} IS NOT NULL ORDER BY ${near} LIMIT ${count}`
  const found: NearRow[] = []
  for await (const tuples of tx.copyOut(select, [`[${vector.join(',')}]`])) {
    for (const tuple of tuples) {
      const [distance, ...key] = tupleFields(tuple)
      found.push({ key: keyText(key), distance: OPERATORS[metric].distance(distance!.readDoubleBE()) })
    }
  }
  return found
}

/** A key by its tuple's fields, for comparing. */
export const keyText = (fields: readonly (Buffer | null)[]): string =>
  fields.map((it) => it?.toString('hex') ?? '').join(' ')

const OPERATORS: Readonly<Record<Metric, { readonly operator: string; distance(told: number): number }>> = {
  l2: { operator: '<->', distance: (told) => told * told },
  cosine: { operator: '<=>', distance: (told) => told },
  ip: { operator: '<#>', distance: (told) => 1 + told },
}
