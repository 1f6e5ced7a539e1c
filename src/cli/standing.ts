import type { Compilation } from '../plan/compile.ts'
import { fingerprints } from '../plan/fingerprint.ts'
import type { StepState } from '../plan/step-state.ts'
import { type Pending, pendingSteps } from '../runner/pending.ts'
import type { Session } from '../runner/session.ts'
import type { StepRecord } from '../state/ledger.ts'

/** Where the steps of a project stand, as the target remembers them. */
export interface Standing {
  readonly records: ReadonlyMap<string, StepRecord>
  readonly pending: Pending
  /** For people: with the step that makes another one necessary again. */
  readonly states: ReadonlyMap<string, StepState>
  /** Steps that were done and that the project does not have any more. */
  readonly removed: readonly string[]
}

/** Asks the ledger, which may not be there yet. `again`: as if everything had to be copied again. */
export async function pendingOf(
  { ledger }: Pick<Session, 'ledger'>,
  { graph, waves }: Compilation,
  again?: boolean,
): Promise<Standing> {
  const records: ReadonlyMap<string, StepRecord> = (await ledger.installed())
    ? await ledger.steps()
    : new Map()
  const known = fingerprints(graph)
  const pending = pendingSteps({
    graph,
    records,
    plans: new Set(waves.map((it) => it.plan.name)),
    fingerprint: (step) => known.get(step.id)!,
    again,
  })
  const states = new Map<string, StepState>()
  for (const { id, after } of graph.vertices) {
    const state = pending.states.get(id)!
    const cause = after.find((it) => ['changed', 'again'].includes(pending.states.get(it) ?? ''))
    if (state === 'again' && cause !== undefined) states.set(id, { state, because: cause })
    else states.set(id, { state: state === 'new' ? 'pending' : state === 'again' ? 'changed' : state })
  }
  const gone = [...pending.undo, ...pending.abandoned].map((it) => it.id).filter((it) => !graph.get(it))
  return { records, pending, states, removed: gone.sort() }
}
