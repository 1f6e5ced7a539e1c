import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Merge } from '../plan/plan.ts'
import type { TableName } from '../plan/table.ts'
import { type Traceable, writerName } from '../state/trace.ts'

/** The mappings that fill a table. */
export interface Writers {
  /** In file order, which is the order in which they have their say where several give one row. */
  readonly mappings: readonly CompiledMapping[]
  /** Are origins kept for the rows? */
  readonly tracked: boolean
  /** Can two records give one row? */
  readonly collide: boolean
  /** What is made of several records, by column. */
  readonly merges: readonly Merge[]
  /** A mapping's place among them, by the name that the ledger knows it by; -1 for one that is not there any more. */
  placeOf(writer: string): number
}

export function writersOf(compiled: CompiledProject, table: TableName): Writers {
  const mappings = compiled.writers(table)
  const places = new Map(mappings.map((it, place) => [writerName(it), place]))
  return {
    mappings,
    tracked: compiled.tracked(table),
    collide: compiled.collides(table),
    merges: compiled.merges(table),
    placeOf: (writer) => places.get(writer) ?? -1,
  }
}

export const placeIn = ({ placeOf }: Writers, mapping: Traceable): number => placeOf(writerName(mapping))
