import { groupOf } from '../mapping/group.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Plan } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import { rebuildOrder } from './rebuild-order.ts'

/**
 * Why the rows of a mapping cannot become its entries again, by column (`*`: as a whole). Empty where they can. `writers`: all mappings
 * into its table; one of them may be the layout in which all rows are written.
 */
export function lossesOf(
  plan: Plan,
  compiled: CompiledMapping,
  writers: readonly CompiledMapping[],
): CompiledMapping['oneWay'] {
  const { mapping, oneWay, inverse, rewrite } = compiled
  const written = writers.find((it) => it.mapping.write)
  if (written && written !== compiled)
    return whole(
      `rows of ${showTable(mapping.into)} are written as ${written.mapping.match.source} (write: true)`,
    )
  if (written) {
    const own = new Set(compiled.columns.map((it) => it.name))
    const others = writers.flatMap((it) => it.columns.map(({ name }) => name)).filter((it) => !own.has(it))
    if (others.length > 0)
      return [...new Set(others)].map((column) => ({ column, why: 'only another layout has it' }))
  }
  if (!(rewrite ?? inverse)) return oneWay
  if (groupOf(plan, mapping).length > 1)
    return whole('other mappings read the same entries, and each has only a part of them')
  const { why } = rebuildOrder(compiled)
  return why === undefined ? [] : whole(why)
}

const whole = (why: string): CompiledMapping['oneWay'] => [{ column: '*', why }]
