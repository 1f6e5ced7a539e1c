import type { Graph } from '../graph/graph.ts'
import { ancestors } from '../graph/reach.ts'
import { fingerprints } from './fingerprint.ts'
import { type Step, tableOf } from './step.ts'
import { showTable } from './table.ts'

/**
 * Where a step stands, seen from what was done before.
 *
 * `pending` was never begun, `unfinished` was begun and goes on, `changed` was done before the plan was edited, `again` was done and has to
 * be done again because of a step that is not done any more. A gate is always `pending`: it is asked each time.
 */
export type StepState =
  | { readonly state: 'pending' | 'unfinished' | 'done' | 'changed' }
  | { readonly state: 'again'; readonly because: string }

/** What the ledger remembers of a step, as far as this needs it. */
export interface DoneStep {
  readonly fingerprint: string
  readonly state: 'running' | 'done' | 'failed'
}

/** Compares a graph with what was done: what is left to do, and what an edit of the plan undoes. */
export function stepStates(
  graph: Graph<Step>,
  done: ReadonlyMap<string, DoneStep>,
): ReadonlyMap<string, StepState> {
  const now = fingerprints(graph)
  const before = ancestors(graph)
  const states = new Map<string, StepState>()
  for (const { id, data } of graph.vertices) {
    const own = ownState(data, done.get(id), now.get(id)!)
    const cause = own === 'done' ? firstUndone(data, before.get(id)!) : undefined
    states.set(id, cause === undefined ? { state: own } : { state: 'again', because: cause })
  }
  return states

  function firstUndone(step: Step, ids: ReadonlySet<string>): string | undefined {
    const undone = graph.vertices.find(
      (it) => ids.has(it.id) && states.get(it.id)!.state !== 'done' && standsOn(step, it.data),
    )
    const state = undone && states.get(undone.id)!
    return state?.state === 'again' ? state.because : undone?.id
  }
}

/** Ids that were done and that the project does not have any more. `graph` has to be the whole project's. */
export const removedSteps = (graph: Graph<Step>, done: ReadonlyMap<string, DoneStep>): readonly string[] =>
  [...done.keys()].filter((id) => !graph.get(id)).sort()

function ownState(step: Step, record: DoneStep | undefined, fingerprint: string) {
  if (!record || step.kind === 'gate') return 'pending'
  if (record.state !== 'done') return 'unfinished'
  return record.fingerprint === fingerprint ? 'done' : 'changed'
}

/**
 * Does doing `base` again undo `step`? A table takes everything about it along. A copy takes later copies into the same table along, whose
 * rows may have won over its own, and what was computed from its rows. Constraints and indexes look after themselves.
 */
function standsOn(step: Step, base: Step): boolean {
  const [table, other] = [tableOf(step), tableOf(base)]
  if (!table || !other || showTable(table) !== showTable(other)) return false
  if (base.kind === 'table') return true
  if (base.kind === 'foreign_key') return step.kind === 'validate' && step.constraint === base.name
  return base.kind === 'backfill' && ['backfill', 'sequence', 'analyze'].includes(step.kind)
}
