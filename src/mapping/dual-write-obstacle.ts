import { mappingsOf, type Plan } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import type { CompiledProject } from './compiled-project.ts'
import type { CompiledMapping } from './mapping.ts'

/** Why entries of a mapping cannot be written to both sides: its rows depend on more than their entry. Undefined: they can. */
export function dualWriteObstacle(it: CompiledMapping, compiled: CompiledProject): string | undefined {
  if (it.mapping.chunks) return 'its values are cut into pieces, and a write would have to know them all'
  if (it.types.includes('stream')) return 'a stream gives its messages their ids itself'
  const table = showTable(it.table.name)
  const asking = [it, ...compiled.writers(it.table.name)].find((one) => one.lookups.length > 0)
  if (asking)
    return `${asking === it ? 'columns' : `columns of ${asking.mapping.name}, which fills ${table} too,`} depend on what other keys say`
  if (compiled.merges(it.table.name).length > 0)
    return `rows of ${table} are made of several records, and a write would have to know them all`
  return undefined
}

/** What of a plan cannot be written to both sides, mapping by mapping; `all`: nothing is left that could, so the plan stays in phase A. */
export function dualWriteObstacles(
  plan: Plan,
  compiled: CompiledProject,
): { readonly of: readonly string[]; readonly all: boolean } {
  const mappings = mappingsOf(plan)
  const of = mappings.flatMap((it) => {
    const why = dualWriteObstacle(compiled.mapping(plan.name, it.name), compiled)
    return why === undefined ? [] : [`${it.match.source} cannot be written to both sides: ${why}`]
  })
  return { of, all: of.length === mappings.length && of.length > 0 }
}
