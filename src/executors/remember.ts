import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { Step } from '../plan/step.ts'
import type { TableDefinition } from '../plan/table.ts'
import type { Json } from '../state/ledger.ts'

/**
 * A step as the ledger keeps it: what is needed to name it and to take it back after the plan file has changed or gone, and nothing that
 * JSON would lose, such as the expressions of a mapping.
 */
export function remember(step: Step, compiled: Pick<CompiledProject, 'tracked'>): Json {
  if (step.kind === 'table') return { ...step, table: outline(step.table) }
  if (step.kind === 'gate') return { ...step, checks: [] }
  if (step.kind !== 'backfill') return step
  const { name, match, type, each, into, key, merge } = step.mapping
  return {
    ...step,
    mapping: { name, match: { source: match.source }, type, each, into, key, merge },
    table: outline(step.table),
    tracked: compiled.tracked(step.table.name),
  }
}

const outline = ({ name, owner, columns }: TableDefinition) => ({
  name,
  owner,
  columns: columns.map((it) => ({ name: it.name })),
})
