import { failpoint } from '../failpoint.ts'
import type { IndexStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { createIndex, dropIndex, isUnmeasured } from '../target/ddl.ts'
import { quarantineDuplicates } from './duplicates.ts'
import type { Executor } from './executor.ts'
import { metricOf } from './metric.ts'
import { doStep } from './transact.ts'

/** After the copy: an index built once costs a fraction of one kept up to date row by row. */
export const index: Executor<IndexStep> = {
  kind: 'index',
  describe: ({ table, index }) => ({
    symbol: '+',
    verb: 'index',
    subject: `${showTable(table)}.${index.name}`,
    detail: `${index.unique ? 'unique, ' : ''}${index.columns.join(', ')}`,
  }),
  run: async (step, context) => {
    const metric = isUnmeasured(step.index) ? await metricOf(step, context) : undefined
    const outcome = await doStep(context, step, async (tx) => {
      const quarantined = await quarantineDuplicates(tx, step, context)
      await tx.query(createIndex(step.table, step.index, { metric }))
      return quarantined > 0 ? { quarantined } : {}
    })
    failpoint('index.created')
    return outcome
  },
  revert: async (tx, { table, index }) => {
    await tx.query(dropIndex(table.schema, index.name))
  },
}
