import type { TableName } from '../plan/table.ts'
import { quote } from './ddl.ts'
import { BASES } from './inspect.ts'
import { textArray } from './parameters.ts'
import type { Transaction } from './target.ts'

/**
 * SQL for the bytes of columns as a tuple of `TupleWriter` has them: built from the types' own send functions, which are what binary COPY
 * uses (PostgreSQL documentation, COPY, "Binary Format"); types that kvmig has no codec for go as text.
 */
export async function sentValues(
  tx: Transaction,
  table: TableName,
  columns: readonly string[],
  alias: string,
): Promise<readonly string[]> {
  const rows = await tx.query(
    `SELECT a.attname AS name, CASE WHEN e.typtype = 'e' OR e.typname = 'vector' OR (y.nspname = 'pg_catalog' AND e.typname = ANY ($3))
       THEN quote_ident(n.nspname) || '.' || quote_ident(p.proname) END AS send
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace s ON s.oid = c.relnamespace
     JOIN pg_type t ON t.oid = a.atttypid JOIN pg_proc p ON p.oid = t.typsend JOIN pg_namespace n ON n.oid = p.pronamespace
     JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
     JOIN pg_namespace y ON y.oid = e.typnamespace
     WHERE s.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped`,
    [table.schema, table.table, textArray(Object.keys(BASES))],
  )
  const send = new Map(rows.map((it) => [it.name, it.send]))
  return columns.map((name) => {
    const value = `${alias}.${quote(name)}`
    return send.get(name) ? `${send.get(name)}(${value})` : `convert_to(${value}::text, 'UTF8')`
  })
}
