import { didYouMean } from '../../diagnostic.ts'
import type { Plan } from '../plan.ts'
import { listOf } from '../problem.ts'
import type { LintScope } from './scope.ts'

/** Names of plans are unique, what `after` and `source` name exists, and no plan comes after itself. */
export function planNames(scope: LintScope): void {
  const { notes, allPlans, plans, sources, complete } = scope
  const seen = new Map<string, Plan>()
  for (const plan of allPlans) {
    const other = seen.get(plan.name)
    if (other && plan.name !== '')
      notes.error('KV060', plan.at, `There is another plan "${plan.name}", in ${other.file}.`)
    else seen.set(plan.name, plan)
  }
  for (const plan of plans) {
    for (const [index, name] of plan.after.entries())
      if (!seen.has(name) && complete) {
        const meant = didYouMean(name, seen.keys())
        const hint = meant && `Did you mean "${meant}"?`
        notes.error('KV061', notes.at(plan, 'after', index), `There is no plan "${name}".`, hint)
      }
    checkSource(plan, scope)
  }
  const circle = findCircle(plans)
  if (circle) {
    const [first] = circle
    const path = [...circle, first!].map((it) => `"${it.name}"`).join(' after ')
    notes.error(
      'KV062',
      notes.at(first!, 'after'),
      `Plans wait for each other: ${path}.`,
      'Take one of them out of "after".',
    )
  }

  function checkSource(plan: Plan, { sources: known }: LintScope): void {
    if (known.has(plan.source) || sources.size === 0) return
    const names = listOf([...known.keys()].map((it) => `"${it}"`))
    if (plan.source === '')
      notes.error(
        'KV011',
        plan.at,
        'The plan does not say which source it reads.',
        `Write "source:"; there are ${names}.`,
      )
    else {
      const meant = didYouMean(plan.source, known.keys())
      const hint = meant ? `Did you mean "${meant}"?` : `There is ${names}.`
      notes.error('KV061', notes.at(plan, 'source'), `There is no source "${plan.source}".`, hint)
    }
  }
}

function findCircle(plans: readonly Plan[]): readonly Plan[] | undefined {
  const byName = new Map(plans.map((it) => [it.name, it]))
  const done = new Set<Plan>()
  const walk = (plan: Plan, path: readonly Plan[]): readonly Plan[] | undefined => {
    if (path.includes(plan)) return path.slice(path.indexOf(plan))
    if (done.has(plan)) return undefined
    for (const name of plan.after) {
      const before = byName.get(name)
      const circle = before && walk(before, [...path, plan])
      if (circle) return circle
    }
    done.add(plan)
    return undefined
  }
  for (const plan of plans) {
    const circle = walk(plan, [])
    if (circle) return circle
  }
  return undefined
}
