import type { Graph } from '../graph/graph.ts'
import type { Step } from '../plan/step.ts'
import type { StepRecord } from '../state/ledger.ts'

/** What a run has to do, decided from the graph and the ledger alone. */
export interface Pending {
  /** State of every step of the graph. */
  readonly states: ReadonlyMap<string, StepState>
  /** What was done and has to be taken back first, in the order in which to do it. */
  readonly undo: readonly StepRecord[]
  /** Tables in the ledger that no plan declares any more: they stay, and the user is told. */
  readonly abandoned: readonly StepRecord[]
}

/**
 * `new`: not done yet. `unfinished`: begun, not done. `changed`: done, and edited since. `again`: done, but something it comes after has
 * changed, or a new copy was asked for. A gate is asked every time.
 */
export type StepState = 'done' | 'new' | 'unfinished' | 'changed' | 'again'

/**
 * A step whose fingerprint differs from the one that was applied is taken back and done again, and with it everything done that comes
 * after it; nothing else. What the ledger knows of `plans` and the graph does not is taken back too, except tables, which hold data.
 */
export function pendingSteps(options: {
  readonly graph: Graph<Step>
  readonly records: ReadonlyMap<string, StepRecord>
  readonly plans: ReadonlySet<string>
  readonly fingerprint: (step: Step) => string
  /** Copy again what was copied, to take over what has changed in the source since. */
  readonly again?: boolean | undefined
}): Pending {
  const { graph, records, plans, fingerprint, again } = options
  const states = new Map<string, StepState>()
  const dirty = new Set<string>()
  for (const { id, data, after } of graph.vertices) {
    const record = records.get(id)
    if (data.kind === 'gate' || !record) states.set(id, 'new')
    else if (record.fingerprint !== fingerprint(data)) states.set(id, 'changed')
    else if (after.some((it) => dirty.has(it))) states.set(id, 'again')
    else if (record.state !== 'done') states.set(id, 'unfinished')
    else states.set(id, again && (data.kind === 'backfill' || data.kind === 'analyze') ? 'again' : 'done')
    const behindChange = after.some((it) => dirty.has(it))
    if (record && (states.get(id) === 'changed' || behindChange)) dirty.add(id)
  }
  const gone = [...records.values()].filter(
    (it) => it.phase === 'A' && !graph.get(it.id) && it.plan !== undefined && plans.has(it.plan),
  )
  const undo = [...[...dirty].map((id) => records.get(id)!), ...gone.filter((it) => it.kind !== 'table')]
  return { states, undo: inUndoOrder(undo, graph), abandoned: gone.filter((it) => it.kind === 'table') }
}

const UNDO_ORDER = [
  'gate',
  'analyze',
  'sequence',
  'validate',
  'foreign_key',
  'index',
  'backfill',
  'table',
  'schema',
  'extension',
]

/** The reverse of the order in which steps are done: by kind, and among equals the one that came last first. */
export function inUndoOrder(records: readonly StepRecord[], graph?: Graph<Step>): readonly StepRecord[] {
  const place = new Map(graph?.vertices.map((it, index) => [it.id, index]))
  return [...records].sort(
    (a, b) =>
      UNDO_ORDER.indexOf(a.kind) - UNDO_ORDER.indexOf(b.kind) ||
      (place.get(b.id) ?? 0) - (place.get(a.id) ?? 0) ||
      (b.at ?? '').localeCompare(a.at ?? '') ||
      a.id.localeCompare(b.id),
  )
}
