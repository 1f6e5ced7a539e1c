import type { ValidateStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { validateConstraint } from '../target/ddl.ts'
import type { Executor } from './executor.ts'
import { doStep, statement } from './transact.ts'

/** Proves a constraint for the rows that were there before it; takes no lock that readers or writers would notice. */
export const validate: Executor<ValidateStep> = {
  kind: 'validate',
  describe: ({ table, constraint }) => ({
    symbol: '?',
    verb: 'validate',
    subject: constraint,
    detail: showTable(table),
  }),
  run: (step, context) => doStep(context, step, statement(validateConstraint(step.table, step.constraint))),
}
