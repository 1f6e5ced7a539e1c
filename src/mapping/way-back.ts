import { mappingsOf, type Plan } from '../plan/plan.ts'
import type { CompiledProject } from './compiled-project.ts'
import { groupOf } from './group.ts'
import type { CompiledMapping } from './mapping.ts'
import { compileTogether, type Loss, type Together } from './together.ts'

/** The way back from all rows of an entry that these mappings read: what a read of the entry is answered by once Postgres is read. */
export function wayBack(mappings: readonly CompiledMapping[], compiled: CompiledProject): Together {
  const [first, ...others] = mappings
  const shared = mappings.find((it) => compiled.collides(it.table.name))
  const way = others.length > 0 ? compileTogether(mappings) : alone(first!)
  if (!shared) return way
  const why = 'several records can give one row, and it tells of one of them'
  return { oneWay: [...way.oneWay, { table: shared.table.name.table, column: '*', why }] }
}

function alone({ table, oneWay, inverse }: CompiledMapping): Together {
  const losses = oneWay.map((it) => ({ table: table.name.table, ...it }))
  return { oneWay: losses, ...(inverse && { inverse: (rows) => inverse(rows.map((it) => it.row)) }) }
}

/** Why entries of a plan cannot be read from their rows, each reason once; empty where all can. */
export function oneWayOf(plan: Plan, compiled: CompiledProject): readonly Loss[] {
  const losses = mappingsOf(plan).flatMap((mapping) => {
    const group = groupOf(plan, mapping)
    if (group[0] !== mapping) return []
    return wayBack(
      group.map((it) => compiled.mapping(plan.name, it.name)),
      compiled,
    ).oneWay
  })
  return [...new Map(losses.map((it) => [`${it.table}.${it.column}: ${it.why}`, it])).values()]
}
