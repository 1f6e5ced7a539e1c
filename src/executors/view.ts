import { KvmigError } from '../errors.ts'
import type { ViewStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { inspectTable } from '../target/inspect.ts'
import { createView, dropView } from '../target/sweep.ts'
import type { Executor } from './executor.ts'
import { doStep } from './transact.ts'

/** What the application reads: a table without the rows that have expired, to the second, whenever the sweeper comes. */
export const view: Executor<ViewStep> = {
  kind: 'view',
  describe: ({ table, view, column, sweep }) => ({
    symbol: '+',
    verb: 'view',
    subject: showTable({ ...table, table: view }),
    detail: `${table.table} without what expired by ${column}${sweep === 'kvmig' ? '; kvmig sweep deletes that' : ''}`,
  }),
  run: (step, context) =>
    doStep(context, step, async (tx) => {
      const name = { ...step.table, table: step.view }
      if (await inspectTable(tx, name)) throw taken(showTable(name))
      await tx.query(createView(step.table, step))
      return {}
    }),
  revert: async (tx, { table, view }) => {
    await tx.query(dropView(table, view))
  },
}

const taken = (name: string): KvmigError =>
  new KvmigError('TABLE_TAKEN', `${name} is there already, and kvmig did not make it.`, {
    hint: 'Give the view another name: expiry: { column: …, view: … }.',
  })
