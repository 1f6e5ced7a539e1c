import type { AnalyzeStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { analyze as analyzeSql } from '../target/ddl.ts'
import type { Executor } from './executor.ts'
import { doStep, statement } from './transact.ts'

/** Statistics for the planner: without them a fresh table is read as if it were empty. */
export const analyze: Executor<AnalyzeStep> = {
  kind: 'analyze',
  describe: ({ table }) => ({
    symbol: '~',
    verb: 'analyze',
    subject: showTable(table),
    detail: 'statistics for the query planner',
  }),
  run: (step, context) => doStep(context, step, statement(analyzeSql(step.table))),
}
