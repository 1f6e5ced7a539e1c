import { TargetError } from '../errors.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'

/** Throws `TargetError` for the first table that is not there, that this role may not read, or whose rows a policy hides from it (H77). */
export async function requireReadable(tx: Transaction, tables: readonly TableName[]): Promise<void> {
  for (const table of tables) await requireOne(tx, table)
}

async function requireOne(tx: Transaction, table: TableName): Promise<void> {
  const name = showTable(table)
  const [found] = await tx.query(
    `SELECT current_user AS role, has_schema_privilege(n.oid, 'USAGE') AS usable, has_table_privilege(c.oid, 'SELECT') AS readable,
       row_security_active(c.oid) AS filtered
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
    [table.schema, table.table],
  )
  if (!found) {
    throw new TargetError('TABLE_MISSING', `There is no table ${name} in the target.`, {
      hint: 'Where it was never applied: kvmig apply --phase=A makes it. Where somebody dropped it since: kvmig rollback PLAN, then kvmig apply --phase=A. A table of the application has to be there before.',
    })
  }
  const role = found.role!
  if (found.usable === 'f') {
    throw new TargetError(
      'PERMISSION',
      `${role} may not look into schema ${table.schema}, where ${name} lies.`,
      {
        hint: `As its owner: GRANT USAGE ON SCHEMA ${quote(table.schema)} TO ${quote(role)};`,
      },
    )
  }
  if (found.readable === 'f') {
    throw new TargetError('PERMISSION', `${role} may not read table ${name}.`, {
      hint: `As its owner: GRANT SELECT ON ${qualified(table)} TO ${quote(role)};`,
    })
  }
  if (found.filtered === 't') {
    throw new TargetError(
      'ROW_SECURITY',
      `Row-level security hides rows of ${name} from ${role}, so nothing can be said about all of them.`,
      { hint: `Use a role that sees every row: the table's owner, or ALTER ROLE ${quote(role)} BYPASSRLS;` },
    )
  }
}
