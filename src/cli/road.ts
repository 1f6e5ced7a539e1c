import type { CompiledProject } from '../mapping/compiled-project.ts'
import { dualWriteObstacle } from '../mapping/dual-write-obstacle.ts'
import { groupOf } from '../mapping/group.ts'
import { wayBack } from '../mapping/way-back.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import type { PlannedPlan } from '../report/report.ts'

/**
 * How far each mapping of a plan goes, and whether there is a way back, before anything is begun: what gates and the runtime would say at
 * phase B and C. `canBeLive`: false where its source is only read.
 */
export function roadOf(
  plan: Plan,
  compiled: CompiledProject,
  canBeLive: boolean | undefined,
): PlannedPlan['road'] {
  const accepted = new Set(
    (plan.gates.get('C') ?? [])
      .filter((it) => it.check === 'one_way')
      .flatMap((it) => (it.options.accept as readonly string[] | undefined) ?? []),
  )
  return mappingsOf(plan).map((it) => {
    const road = { mapping: it.name, match: it.match.source }
    const obstacle =
      canBeLive === false
        ? `source ${plan.source} is only read`
        : dualWriteObstacle(compiled.mapping(plan.name, it.name), compiled)
    if (obstacle !== undefined) return { ...road, to: 'A', back: false, why: obstacle }
    const together = groupOf(plan, it).map((one) => compiled.mapping(plan.name, one.name))
    const lossy = wayBack(together, compiled).oneWay
    if (lossy.length === 0) return { ...road, to: 'D', back: true, why: '' }
    const words = [...new Set(lossy.map(({ column, why }) => (column === '*' ? why : column)))].join(', ')
    return lossy.every((one) => accepted.has(one.column))
      ? { ...road, to: 'D', back: false, why: `accepted, without a way back: ${words}` }
      : { ...road, to: 'B', back: false, why: `C wants a way back, or one_way to accept it: ${words}` }
  })
}
