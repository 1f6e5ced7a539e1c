import { type Diagnostic, didYouMean } from '../../diagnostic.ts'
import { CycleError, createGraph, type Graph } from '../../graph/graph.ts'
import { ancestors } from '../../graph/reach.ts'
import type { Plan } from '../plan.ts'
import { sameTable } from '../table.ts'
import { byText, type OrderedPlan, refuse } from './pass.ts'

/**
 * The order in which plans are applied: what `after` says, then references between their tables, then risk, then file name.
 *
 * `after` is an order. A reference only asks for one: plans whose tables refer to each other are copied side by side, since their
 * constraints come after the copy. So references inside such a circle give no order, while a circle of `after` is an error.
 */
export function orderPlans(plans: readonly Plan[]): {
  readonly plans: readonly OrderedPlan[]
  readonly diagnostics: readonly Diagnostic[]
} {
  const sorted = plans.toSorted(
    (a, b) =>
      RISKS.indexOf(a.risk) - RISKS.indexOf(b.risk) || byText(a.file, b.file) || byText(a.name, b.name),
  )
  const names = new Set(sorted.map(({ name }) => name))
  const unknown = sorted.flatMap((plan) =>
    plan.after.filter((it) => !names.has(it)).map((it) => unknownPlan(plan, it, names)),
  )

  const asked = new Map(sorted.map((plan) => [plan.name, plan.after.filter((it) => names.has(it))]))
  const circle = findCircle(asked)
  if (circle)
    return {
      plans: sorted.map((plan) => ({ plan, wave: 1, neededBy: [], behind: new Set(), references: [] })),
      diagnostics: [...unknown, circular(circle, sorted)],
    }

  const references = new Map(sorted.map((plan) => [plan.name, referredPlans(plan, sorted)]))
  const reach = reachable(asked, references)
  const graph = planGraph(
    sorted.map(({ name }) => name),
    (name) => [...asked.get(name)!, ...references.get(name)!.filter((it) => !reach.get(it)!.has(name))],
  )
  const behind = ancestors(graph)
  const waves = new Map<string, number>()
  for (const { id, after } of graph.vertices)
    waves.set(id, 1 + Math.max(0, ...after.map((it) => waves.get(it)!)))
  return {
    plans: sorted
      .map((plan) => ({
        plan,
        wave: waves.get(plan.name)!,
        neededBy: [],
        behind: behind.get(plan.name)!,
        references: references.get(plan.name)!,
      }))
      .sort((a, b) => a.wave - b.wave),
    diagnostics: unknown,
  }
}

const RISKS = ['low', 'medium', 'high'] as const

const planGraph = (names: readonly string[], after: (name: string) => readonly string[]): Graph<undefined> =>
  createGraph(names.map((id) => ({ id, data: undefined, after: after(id) })))

function findCircle(after: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  try {
    planGraph([...after.keys()], (name) => after.get(name)!)
    return undefined
  } catch (error) {
    if (error instanceof CycleError) return error.path
    throw error
  }
}

/** The other plans that declare or fill a table which a table of this plan refers to. */
function referredPlans(plan: Plan, plans: readonly Plan[]): readonly string[] {
  const referred = plan.tables.flatMap(({ references }) => references.map(({ to }) => to))
  // Most plans, and each is held against all others.
  if (referred.length === 0) return []
  const provides = (other: Plan) =>
    [
      ...other.tables.map(({ name }) => name),
      ...other.rules.flatMap((it) => (it.kind === 'mapping' ? [it.into] : [])),
    ].some((name) => referred.some((it) => sameTable(it, name)))
  return plans.filter((other) => other !== plan && provides(other)).map(({ name }) => name)
}

/** Everything each plan would come after, circles included. */
function reachable(
  ...edges: readonly ReadonlyMap<string, readonly string[]>[]
): ReadonlyMap<string, ReadonlySet<string>> {
  const next = (name: string) => edges.flatMap((it) => it.get(name)!)
  return new Map(
    [...edges[0]!.keys()].map((name) => {
      const seen = new Set<string>()
      const open = next(name)
      for (let it = open.pop(); it !== undefined; it = open.pop()) {
        if (!seen.has(it)) open.push(...next(it))
        seen.add(it)
      }
      return [name, seen]
    }),
  )
}

function unknownPlan(plan: Plan, name: string, known: Iterable<string>): Diagnostic {
  const meant = didYouMean(name, known)
  return refuse(
    'KV100',
    plan.at,
    `The plan "${plan.name}" comes after "${name}", which is not a plan of this project.`,
    meant && `Did you mean "${meant}"?`,
  )
}

const circular = (path: readonly string[], plans: readonly Plan[]): Diagnostic =>
  refuse(
    'KV101',
    plans.find(({ name }) => name === path[0])?.at,
    `Plans wait for each other: ${[...path, path[0]].join(' after ')}.`,
    'Take one of these out of "after".',
  )
