import { KvmigError } from '../errors.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'

/**
 * Makes sure that rows which are about to go are not referred to by rows that stay: with ON DELETE CASCADE those would go too, without a
 * word. `doomed`: SQL that is true for such a row, by its alias. Throws STILL_REFERENCED.
 */
export async function requireUnreferenced(
  tx: Transaction,
  table: TableName,
  doomed: (alias: string) => string,
  parameters: readonly unknown[] = [],
): Promise<void> {
  for (const { child, columns, toColumns } of await referencesTo(tx, table)) {
    const match = columns.map((it, place) => `c.${quote(it)} = t.${quote(toColumns[place]!)}`).join(' AND ')
    const stays = showTable(child) === showTable(table) ? `NOT ${doomed('c')}` : 'true'
    const [found] = await tx.query(
      `SELECT 1 FROM ${qualified(table)} t JOIN ${qualified(child)} c ON ${match} WHERE ${doomed('t')} AND ${stays} LIMIT 1`,
      parameters,
    )
    if (!found) continue
    throw new KvmigError(
      'STILL_REFERENCED',
      `Rows of ${showTable(table)} have to go, and rows of ${showTable(child)} refer to them (${columns.join(', ')}).`,
      { hint: `Take ${showTable(child)} back first (kvmig rollback), or mend its rows, then apply again.` },
    )
  }
}

interface ReferenceTo {
  readonly child: TableName
  readonly columns: readonly string[]
  readonly toColumns: readonly string[]
}

async function referencesTo(tx: Transaction, table: TableName): Promise<readonly ReferenceTo[]> {
  const names = (relation: string, numbers: string) =>
    `(SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(${numbers}) WITH ORDINALITY u (num, place)
      JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = u.num)`
  const rows = await tx.query(
    `SELECT s.nspname AS schema, c.relname AS "table", ${names('k.conrelid', 'k.conkey')} AS columns, ${names('k.confrelid', 'k.confkey')} AS to_columns
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace s ON s.oid = c.relnamespace
     JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname = $1 AND p.relname = $2 ORDER BY k.conname`,
    [table.schema, table.table],
  )
  return rows.map((it) => ({
    child: { schema: it.schema!, table: it.table! },
    columns: JSON.parse(it.columns!),
    toColumns: JSON.parse(it.to_columns!),
  }))
}
