import type { SequenceStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { setSequence } from '../target/ddl.ts'
import type { Executor } from './executor.ts'
import { doStep, statement } from './transact.ts'

/** Without this the application's first insert after the cutover fails with a duplicate key (H40). */
export const sequence: Executor<SequenceStep> = {
  kind: 'sequence',
  describe: ({ table, column }) => ({
    symbol: '~',
    verb: 'sequence',
    subject: `${showTable(table)}.${column}`,
    detail: 'past the largest value copied',
  }),
  run: (step, context) => doStep(context, step, statement(setSequence(step.table, step.column))),
}
