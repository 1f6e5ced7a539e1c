import type { Graph } from '../../src/graph/graph.ts'
import { fingerprints } from '../../src/plan/fingerprint.ts'
import type { Step } from '../../src/plan/step.ts'
import type { DoneStep } from '../../src/plan/step-state.ts'

/** A ledger in which everything was done, but for what is said otherwise. */
export function doneSteps(
  graph: Graph<Step>,
  states: Readonly<Record<string, DoneStep['state']>> = {},
): ReadonlyMap<string, DoneStep> {
  const known = fingerprints(graph)
  return new Map(
    graph.vertices
      .filter(({ data }) => data.kind !== 'gate')
      .map(({ id, data }): [string, DoneStep] => [
        id,
        {
          id,
          plan: data.plan,
          phase: data.phase,
          kind: data.kind,
          fingerprint: known.get(id)!,
          state: states[id] ?? 'done',
          definition: data,
        },
      ]),
  )
}
