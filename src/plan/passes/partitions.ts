import { partitionColumn, showTable } from '../table.ts'
import { edges, type Pass, place, stepsAbout } from './pass.ts'

/** Partitions of kvmig's own tables, before a row comes: one that has none takes no rows at all. */
export const addPartitions: Pass = (draft) => {
  const steps = draft.tables.flatMap(({ definition: { name, partitions, partitionBy }, plan }) =>
    partitions
      ? [
          {
            ...place(plan, 'partitions', showTable(name)),
            table: name,
            every: partitions.every,
            ...(partitions.from === undefined ? {} : { from: partitions.from }),
            ahead: partitions.ahead,
            ...(partitions.with && { with: partitions.with, column: partitionColumn(partitionBy)! }),
          },
        ]
      : [],
  )
  return {
    steps,
    edges: steps.flatMap(({ id, table }) => [
      ...edges([id], stepsAbout(draft, table, 'table')),
      ...edges(stepsAbout(draft, table, 'backfill'), [id]),
    ]),
  }
}
