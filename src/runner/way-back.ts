import { groupOf } from '../mapping/group.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Plan } from '../plan/plan.ts'
import { rebuildOrder } from './rebuild-order.ts'

/** Why the rows of a mapping cannot become its entries again, by column (`*`: as a whole). Empty where they can. */
export function lossesOf(plan: Plan, compiled: CompiledMapping): CompiledMapping['oneWay'] {
  const { mapping, oneWay, inverse } = compiled
  if (!inverse) return oneWay
  if (groupOf(plan, mapping).length > 1)
    return [{ column: '*', why: 'other mappings read the same entries, and each has only a part of them' }]
  const { why } = rebuildOrder(compiled)
  return why === undefined ? [] : [{ column: '*', why }]
}
