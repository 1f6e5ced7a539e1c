import { KvmigError } from '../errors.ts'
import type { AuditStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { createHistory, dropHistory } from '../target/history.ts'
import { inspectTable } from '../target/inspect.ts'
import type { Executor } from './executor.ts'
import { doStep } from './transact.ts'

/** A table's history: every change from here on, written by the database in the transaction of the change. */
export const audit: Executor<AuditStep> = {
  kind: 'audit',
  describe: ({ table, history }) => ({
    symbol: '+',
    verb: 'audit',
    subject: showTable({ ...table, table: history }),
    detail: `every change of ${table.table} from then on: who, when, before and after`,
  }),
  run: (step, context) =>
    doStep(context, step, async (tx) => {
      const name = { ...step.table, table: step.history }
      if (await inspectTable(tx, name)) throw taken(showTable(name))
      for (const sql of createHistory(step.table, step.history, step.key)) await tx.query(sql)
      return {}
    }),
  revert: async (tx, { table, history }) => {
    for (const sql of dropHistory(table, history)) await tx.query(sql)
  },
}

const taken = (name: string): KvmigError =>
  new KvmigError('TABLE_TAKEN', `${name} is there already, and kvmig did not make it.`, {
    hint: 'Give the history another name: audit: NAME.',
  })
