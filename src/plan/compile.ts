import { type Diagnostic, hasErrors } from '../diagnostic.ts'
import { CycleError, createGraph, type Graph } from '../graph/graph.ts'
import { reduce } from '../graph/reach.ts'
import { addAudit } from './passes/audit.ts'
import { addBackfills } from './passes/backfills.ts'
import { addExpiry } from './passes/expiry.ts'
import { addExtensions } from './passes/extensions.ts'
import { addForeignKeys, addValidations } from './passes/foreign-keys.ts'
import { addGates } from './passes/gates.ts'
import { addAnalyze, addIndexes } from './passes/indexes.ts'
import { orderByPlan, orderByReference } from './passes/order.ts'
import { addPartitions } from './passes/partitions.ts'
import { type Draft, type Edge, type OrderedPlan, type Pass, refuse } from './passes/pass.ts'
import { placeTables } from './passes/placed-tables.ts'
import { orderPlans } from './passes/plan-order.ts'
import { addSchemas } from './passes/schemas.ts'
import { selectPlans, unknownNames } from './passes/select.ts'
import { addSequences } from './passes/sequences.ts'
import { addTables } from './passes/tables.ts'
import type { Phase, Project } from './plan.ts'
import type { CompiledPlan, Step } from './step.ts'

export interface Compilation {
  readonly graph: Graph<Step>
  /** The plans in the order in which they are applied. */
  readonly waves: readonly CompiledPlan[]
  /** With an error among them the graph is empty. */
  readonly diagnostics: readonly Diagnostic[]
}

export interface CompileOptions {
  /** Only these plans, and what they need. None named: all. */
  readonly plans?: readonly string[]
  /** Default A. */
  readonly phase?: Phase
}

const PASSES: readonly Pass[] = [
  addSchemas, // what kvmig's own tables need
  addExtensions,
  addTables, // created, or proven to be there
  addBackfills, // after their tables; into one table one after the other
  addPartitions, // before the copy
  orderByPlan, // `after`, and parents before children
  orderByReference, // where the application's foreign keys are there from the start
  addSequences, // after the copy
  addIndexes,
  addAnalyze, // after the indexes
  addExpiry, // views as soon as there is a table, sweepers after the copy
  addForeignKeys, // after both tables; orphans are taken out first
  addAudit, // when the table is as it will be
  addValidations,
  addGates, // last of each plan
]

/**
 * Turns a project into the graph of its steps. Pure: the same project gives the same graph, whatever the order of its files. Selecting
 * plans brings along the plans that they come after or refer to: without the parent's rows every child would be an orphan.
 */
export function compile(
  project: Project,
  { plans: named = [], phase = 'A' }: CompileOptions = {},
): Compilation {
  const ordered = orderPlans(project.plans)
  const placed = placeTables(ordered.plans)
  const early = [
    ...(phase === 'A' ? [] : [laterPhase(phase)]),
    ...unknownNames(named, ordered.plans),
    ...ordered.diagnostics,
    ...placed.diagnostics,
  ]
  if (hasErrors(early)) return nothing(early)

  const asked = named.length > 0 ? named : ordered.plans.map(({ plan }) => plan.name)
  const selected = selectPlans(ordered.plans, placed.tables, asked)
  const { draft, edges, diagnostics } = runPasses({ project, ...selected, steps: [] })
  const late = [...early, ...diagnostics]
  if (hasErrors(late)) return nothing(late)

  const graph = connect(draft, edges)
  if ('code' in graph) return nothing([...late, graph])
  const waves = selected.plans.map(({ plan, wave, neededBy }) => ({ plan, wave, neededBy }))
  return { graph, waves, diagnostics: late }
}

function runPasses(start: Draft) {
  let draft = start
  const edges: Edge[] = []
  const diagnostics: Diagnostic[] = []
  for (const pass of PASSES) {
    const additions = pass(draft)
    draft = { ...draft, steps: [...draft.steps, ...(additions.steps ?? [])] }
    edges.push(...(additions.edges ?? []))
    diagnostics.push(...(additions.diagnostics ?? []))
  }
  return { draft, edges, diagnostics }
}

function connect({ steps, plans }: Draft, edges: readonly Edge[]): Graph<Step> | Diagnostic {
  const after = new Map(steps.map(({ id }): [string, string[]] => [id, []]))
  for (const edge of edges) after.get(edge.step)!.push(edge.after)
  const planByPlan = steps.toSorted((a, b) => rank(plans, a) - rank(plans, b))
  try {
    return reduce(
      createGraph(planByPlan.map((step) => ({ id: step.id, data: step, after: after.get(step.id)! }))),
    )
  } catch (error) {
    if (!(error instanceof CycleError)) throw error
    return refuse(
      'KV103',
      plans.find(({ plan }) => error.path[0]!.startsWith(`${plan.name}/`))?.plan.at,
      `Steps wait for each other: ${[...error.path, error.path[0]].join(' after ')}.`,
      'What "after" says, or the order of the mappings, contradicts the foreign keys of the application’s tables.',
    )
  }
}

// What the project shares comes first, then plan after plan.
const rank = (plans: readonly OrderedPlan[], step: Step): number =>
  plans.findIndex(({ plan }) => plan.name === step.plan)

const nothing = (diagnostics: readonly Diagnostic[]): Compilation => ({
  graph: createGraph<Step>([]),
  waves: [],
  diagnostics,
})

const laterPhase = (phase: Phase): Diagnostic =>
  refuse('KV108', undefined, `Phase ${phase} cannot be compiled by this version, which knows phase A.`)
