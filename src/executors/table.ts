import { KvmigError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import type { TableStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { createTable, dropTable } from '../target/ddl.ts'
import { drift } from '../target/drift.ts'
import { inspectTable } from '../target/inspect.ts'
import type { Executor } from './executor.ts'
import { doStep } from './transact.ts'
import { requireWritable } from './writable.ts'

/** Creates a table, or proves that the application's own is as its schema file says and can be written. */
export const table: Executor<TableStep> = {
  kind: 'table',
  describe: ({ table }) => ({
    symbol: table.owner === 'plan' ? '+' : '?',
    verb: 'table',
    subject: showTable(table.name),
    detail: `${table.columns.length} columns${table.owner === 'schema' ? ', the application’s own' : ''}`,
  }),
  run: async (step, context) => {
    const { table } = step
    const outcome = await doStep(context, step, async (tx) => {
      const there = await inspectTable(tx, table.name)
      if (!there && table.owner === 'plan') {
        await tx.query(createTable(table))
        return { tables: 1 }
      }
      if (table.owner === 'plan') throw taken(showTable(table.name))
      const differences = there ? drift(table, there) : ['it is not there']
      if (differences.length > 0) throw drifted(showTable(table.name), differences)
      await requireWritable(tx, table.name)
      return {}
    })
    failpoint('table.created')
    return outcome
  },
  revert: async (tx, { table }, _, { ledger }) => {
    if (table.owner === 'schema') return
    await tx.query(dropTable(table.name))
    await ledger.origins.clear(tx, showTable(table.name))
  },
}

const taken = (name: string): KvmigError =>
  new KvmigError('TABLE_TAKEN', `Table ${name} is there already, and kvmig did not make it.`, {
    hint: 'Name yours differently, or describe the existing table in a schema file (schema: schema.sql) instead of tables.',
  })

const drifted = (name: string, differences: readonly string[]): KvmigError =>
  new KvmigError('TABLE_DRIFT', `Table ${name} is not as the schema file says: ${differences.join('; ')}.`, {
    hint: 'Run the application’s own migrations on this target first, or bring the schema file up to date.',
  })
