import { requireReadable } from '../checks/readable.ts'
import { TargetError } from '../errors.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'

/**
 * Throws `TargetError` for a table that this role may not read whole or not write, before anything is copied: inside the copy it would
 * stop every mapping that reads the same source. Rights on some of the columns count.
 */
export async function requireWritable(tx: Transaction, table: TableName): Promise<void> {
  const [found] = await tx.query(
    `SELECT current_user AS role, concat_ws(', ',
       CASE WHEN NOT has_any_column_privilege(c.oid, 'SELECT') THEN 'SELECT' END,
       CASE WHEN NOT has_any_column_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
       CASE WHEN NOT has_any_column_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,
       CASE WHEN NOT has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END) AS missing
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
    [table.schema, table.table],
  )
  const { role, missing } = found!
  if (missing) {
    throw new TargetError(
      'PERMISSION',
      `${role} may not do with table ${showTable(table)} what a copy does.`,
      {
        hint: `As its owner: GRANT ${missing} ON TABLE ${qualified(table)} TO ${quote(role!)};`,
        sqlState: '42501',
      },
    )
  }
  await requireReadable(tx, [table])
}
