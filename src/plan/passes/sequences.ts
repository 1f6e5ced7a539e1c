import { type ColumnDefinition, sameTable, showTable } from '../table.ts'
import { edges, type Pass, place, stepsAbout } from './pass.ts'

/**
 * Sequences behind columns that a mapping fills, or for which a plan names a counter: the application's first own row must not collide
 * with a copied one, nor get a number that was given out before.
 */
export const addSequences: Pass = (draft) => {
  const counters = draft.plans.flatMap(({ plan }) =>
    (plan.sequences ?? []).map(({ at, table, column, ...counter }) => ({
      table,
      column,
      counter: { source: plan.source, ...counter },
    })),
  )
  const sequences = draft.tables.flatMap(({ definition: { name, columns }, plan, fillers }) => {
    const filled = new Set(fillers.flatMap(({ mapping }) => mapping.fields.map(({ column }) => column)))
    return columns.filter(hasSequence).flatMap((column) => {
      const counter = counters.find((it) => sameTable(it.table, name) && it.column === column.name)?.counter
      if (!counter && !filled.has(column.name)) return []
      return [
        {
          ...place(plan, 'sequence', `${showTable(name)}.${column.name}`),
          table: name,
          column: column.name,
          ...(counter && { counter }),
        },
      ]
    })
  })
  return {
    steps: sequences,
    edges: sequences.flatMap(({ id, table }) => edges([id], stepsAbout(draft, table, 'table', 'backfill'))),
  }
}

/** Do the column's numbers come from a sequence? */
export const hasSequence = ({ identity, type, default: value }: ColumnDefinition): boolean =>
  identity || /^(?:small|big)?serial[248]?$/i.test(type.sql.trim()) || /\bnextval\s*\(/i.test(value ?? '')
