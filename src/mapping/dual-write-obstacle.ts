import { showTable } from '../plan/table.ts'
import type { CompiledProject } from './compiled-project.ts'
import type { CompiledMapping } from './mapping.ts'

/** Why entries of a mapping cannot be written to both sides: its rows depend on more than their entry. Undefined: they can. */
export function dualWriteObstacle(it: CompiledMapping, compiled: CompiledProject): string | undefined {
  if (it.mapping.chunks) return 'its values are cut into pieces, and a write would have to know them all'
  if (it.types.includes('stream')) return 'a stream gives its messages their ids itself'
  const asking = [it, ...compiled.writers(it.table.name)].find((one) => one.lookups.length > 0)
  if (asking)
    return `${asking === it ? 'columns' : `columns of ${asking.mapping.name}, which fills ${showTable(it.table.name)} too,`} depend on what other keys say`
  return undefined
}
