import type { PartitionsStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { makePartitions } from '../target/partitions.ts'
import type { Executor } from './executor.ts'
import { doStep } from './transact.ts'

/** Partitions up to some periods ahead. They go with their table, so there is nothing to take back. */
export const partitions: Executor<PartitionsStep> = {
  kind: 'partitions',
  describe: ({ table, every, from, ahead }) => ({
    symbol: '+',
    verb: 'partitions',
    subject: showTable(table),
    detail: `one a ${every} from ${from ?? `the present ${every}`}, ${ahead} ahead, and one for all other rows; kvmig sweep adds those that come`,
  }),
  run: (step, context) =>
    doStep(context, step, async (tx) => {
      const { made } = await makePartitions(tx, step.table, step)
      return { partitions: made.length }
    }),
}
