import { tableOf } from '../step.ts'
import { sameTable } from '../table.ts'
import { edges, type Pass, place } from './pass.ts'

/** Gate B of each plan that was asked for, after everything the plan does and everything that is done to its tables. */
export const addGates: Pass = ({ plans, tables, steps }) => {
  const asked = plans.filter(({ neededBy }) => neededBy.length === 0)
  const gates = asked.map(({ plan }) => ({
    ...place(plan.name, 'gate', 'B'),
    plan: plan.name,
    opens: 'B' as const,
    checks: plan.gates.get('B') ?? [],
  }))
  return {
    steps: gates,
    edges: gates.flatMap(({ id, plan }) => {
      const its = tables.filter(
        ({ declaredBy, fillers }) => declaredBy.includes(plan) || fillers.some((it) => it.plan === plan),
      )
      const before = steps.filter((step) => {
        const table = tableOf(step)
        return step.plan === plan || (table && its.some((it) => sameTable(it.definition.name, table)))
      })
      return edges(
        [id],
        before.map((it) => it.id),
      )
    }),
  }
}
