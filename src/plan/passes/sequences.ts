import { type ColumnDefinition, showTable } from '../table.ts'
import { edges, type Pass, place, stepsAbout } from './pass.ts'

/** Sequences behind columns that a mapping fills: the application's first own row must not collide with a copied one. */
export const addSequences: Pass = (draft) => {
  const sequences = draft.tables.flatMap(({ definition: { name, columns }, plan, fillers }) => {
    const filled = new Set(fillers.flatMap(({ mapping }) => mapping.fields.map(({ column }) => column)))
    return columns
      .filter((column) => filled.has(column.name) && hasSequence(column))
      .map((column) => ({
        ...place(plan, 'sequence', `${showTable(name)}.${column.name}`),
        table: name,
        column: column.name,
      }))
  })
  return {
    steps: sequences,
    edges: sequences.flatMap(({ id, table }) => edges([id], stepsAbout(draft, table, 'table', 'backfill'))),
  }
}

const hasSequence = ({ identity, type, default: value }: ColumnDefinition): boolean =>
  identity || /^(?:small|big)?serial[248]?$/i.test(type.sql.trim()) || /\bnextval\s*\(/i.test(value ?? '')
