import { showTable } from '../table.ts'
import { byText, edges, inSchemaOf, type Pass, place, stepsAbout } from './pass.ts'

/** Indexes of kvmig's own tables: made once over all rows, which is faster than row by row. */
export const addIndexes: Pass = (draft) => {
  const owned = draft.tables.filter(({ definition }) => definition.owner === 'plan')
  const indexes = owned.flatMap(({ definition: { name, indexes }, plan }) =>
    indexes
      .toSorted((a, b) => byText(a.name, b.name))
      .map((index) => ({ ...place(plan, 'index', inSchemaOf(name, index.name)), table: name, index })),
  )
  return {
    steps: indexes,
    edges: indexes.flatMap(({ id, table }) => edges([id], stepsAbout(draft, table, 'table', 'backfill'))),
  }
}

/** Statistics of what was copied, for the gate's queries and the application's first. After the indexes: their expressions have statistics too. */
export const addAnalyze: Pass = (draft) => {
  const filled = draft.tables.filter(({ fillers }) => fillers.length > 0)
  const analyzes = filled.map(({ definition: { name }, plan }) => ({
    ...place(plan, 'analyze', showTable(name)),
    table: name,
  }))
  return {
    steps: analyzes,
    edges: analyzes.flatMap(({ id, table }) => edges([id], stepsAbout(draft, table, 'backfill', 'index'))),
  }
}
