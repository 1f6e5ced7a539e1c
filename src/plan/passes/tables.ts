import { showTable } from '../table.ts'
import { extensionsOf } from './extensions.ts'
import { edges, type Pass, place } from './pass.ts'

/** Every table once, after the schema and the extensions it needs. */
export const addTables: Pass = ({ tables, steps }) => {
  const placed = tables.map(({ definition, plan }) => ({
    ...place(plan, 'table', showTable(definition.name)),
    table: definition,
  }))
  return {
    steps: placed,
    edges: placed.flatMap(({ id, table }) => {
      const needed = extensionsOf(table)
      const before = steps.filter(
        (it) =>
          (it.kind === 'schema' && it.schema === table.name.schema) ||
          (it.kind === 'extension' && needed.includes(it.extension)),
      )
      return edges(
        [id],
        before.map((it) => it.id),
      )
    }),
  }
}
