import type { Graph } from '../graph/graph.ts'
import { fingerprints } from './fingerprint.ts'
import type { Phase } from './plan.ts'
import { type Step, type StepKind, tableOf } from './step.ts'
import { sameTable, type TableName } from './table.ts'

/**
 * Where a step stands, seen from what was done before.
 *
 * `pending` was never begun, `unfinished` was begun and goes on, `changed` was done before the plan was edited, `again` was done and has to
 * be done again: `because` of another step, or because that was asked for. A gate is always `pending`: it is asked each time.
 */
export type StepState =
  | { readonly state: 'pending' | 'unfinished' | 'done' | 'changed' }
  | { readonly state: 'again'; readonly because?: string }

/** What the ledger remembers of a step, as far as this needs it. */
export interface DoneStep {
  readonly id: string
  readonly plan: string | undefined
  readonly phase: Phase
  readonly kind: string
  readonly fingerprint: string
  readonly state: 'running' | 'done' | 'failed'
  /** The step, with what is needed to take it back; of a backfill also whether origins were kept. */
  readonly definition: Step & { readonly tracked?: boolean }
  readonly at?: string
}

/** What a run has to do, decided from the graph and the ledger alone. */
export interface Standing<R extends DoneStep> {
  /** Of every step of the graph. */
  readonly states: ReadonlyMap<string, StepState>
  /** What has to be taken back first, in the order in which to do it: what was edited, what stands on it, and what is not in the plans any more. */
  readonly undo: readonly R[]
  /** Ids of what was done and is not in the plans any more. */
  readonly removed: readonly string[]
}

export interface StandingOptions<R extends DoneStep> {
  /** Of the plans that were asked for, and those they need. */
  readonly graph: Graph<Step>
  readonly records: ReadonlyMap<string, R>
  /** The plans in the graph. */
  readonly plans: ReadonlySet<string>
  /** Are these all plans of the project? Then what plans share may be gone too. */
  readonly whole: boolean
  /** Will origins be kept for a table? */
  tracked(table: TableName): boolean
  /** Copy again what was copied, to take over what has changed in the source since. */
  readonly again?: boolean | undefined
}

/**
 * Compares a graph with what was done. A step whose fingerprint differs is taken back and done again, and with it what stands on it;
 * nothing else is.
 */
export function standing<R extends DoneStep>(options: StandingOptions<R>): Standing<R> {
  const { graph, records, plans, whole } = options
  const gone = [...records.values()].filter(
    (it) => it.phase === 'A' && !graph.get(it.id) && (it.plan === undefined ? whole : plans.has(it.plan)),
  )
  const states = ownStates(options)
  const undo = new Set([...states].flatMap(([id, { state }]) => (state === 'changed' ? [id] : [])))
  const bases: Base[] = [
    ...graph.vertices.flatMap(({ id, data }) => {
      const { state } = states.get(id)!
      return state === 'done' || state === 'unfinished'
        ? []
        : [{ step: data, how: state === 'pending' ? 'new' : state } as const]
    }),
    ...gone.map((it): Base => ({ step: it.definition, how: 'gone' })),
  ]
  for (const base of bases) {
    for (const { id, data } of graph.vertices) {
      // One that was begun may have left something, as one that was done did.
      const wasBegun = ['done', 'again', 'unfinished'].includes(states.get(id)!.state)
      const work = wasBegun ? workFor(data, base) : undefined
      if (!work || undo.has(id)) continue
      if (work === 'undo') undo.add(id)
      else if (states.get(id)!.state !== 'done') continue
      if (states.get(id)!.state === 'done') states.set(id, { state: 'again', because: base.step.id })
      bases.push({ step: data, how: 'again' })
    }
  }
  const undone = [...[...undo].map((id) => records.get(id)!), ...gone]
  return { states, undo: inUndoOrder(undone, graph), removed: gone.map((it) => it.id).sort() }
}

function ownStates<R extends DoneStep>({
  graph,
  records,
  tracked,
  again,
}: StandingOptions<R>): Map<string, StepState> {
  const now = fingerprints(graph)
  return new Map(
    graph.vertices.map(({ id, data }): [string, StepState] => {
      const record = records.get(id)
      if (!record || data.kind === 'gate') return [id, { state: 'pending' }]
      if (record.fingerprint !== now.get(id)) return [id, { state: 'changed' }]
      if (record.state !== 'done') return [id, { state: 'unfinished' }]
      // Records that had given way to those of a mapping that is gone come back.
      const isAlone = data.kind === 'backfill' && record.definition.tracked && !tracked(data.mapping.into)
      const isAsked = again && data.kind === 'backfill'
      return [id, { state: isAlone || isAsked ? 'again' : 'done' }]
    }),
  )
}

/** A step that is not as it was, or is not there any more. */
interface Base {
  readonly step: Step
  readonly how: 'new' | 'changed' | 'again' | 'gone'
}

/**
 * What has to be done about a step that was done, because of another one: take it back and do it again, only do it again, or nothing.
 *
 * A table takes everything about it along. A copy takes along what was computed from its rows, and the foreign keys of its table and to
 * it: they go before rows do, and when they come again orphans get another chance. So does a foreign key, which takes rows out, with those
 * that refer to them.
 */
function workFor(step: Step, { step: base, how }: Base): 'undo' | 'run' | undefined {
  const of = tableOf(base)
  if (!of || step.id === base.id || step.kind === 'gate') return undefined
  const isAbout = isSame(tableOf(step), of)
  const refers = step.kind === 'foreign_key' && isSame(step.reference.to, of)
  switch (base.kind) {
    case 'table':
      return isAbout || refers ? 'undo' : undefined
    case 'backfill': {
      if (refers || (isAbout && step.kind === 'foreign_key')) return 'undo'
      if (isAbout && step.kind === 'index') return how === 'changed' ? 'undo' : undefined
      if (isAbout && (step.kind === 'sequence' || step.kind === 'analyze')) return 'run'
      const isChild =
        step.kind === 'backfill' &&
        step.table.owner === 'schema' &&
        step.table.references.some((it) => isSame(it.to, of))
      return isChild && !isAbout && (how === 'changed' || how === 'gone') ? 'undo' : undefined
    }
    case 'foreign_key':
      if (isAbout && step.kind === 'validate') return step.constraint === base.name ? 'run' : undefined
      // What this foreign key had taken out belongs into the table again.
      if (isAbout && step.kind === 'backfill') return how === 'gone' ? 'run' : undefined
      return refers && how !== 'gone' ? 'undo' : undefined
    case 'index':
      if (!base.index.unique) return undefined
      if (isAbout && step.kind === 'backfill') return how === 'gone' || how === 'changed' ? 'run' : undefined
      return refers ? 'undo' : undefined
    default:
      return undefined
  }
}

const isSame = (a: TableName | undefined, b: TableName): boolean => a !== undefined && sameTable(a, b)

const UNDO_ORDER: readonly string[] = [
  'gate',
  'audit',
  'sweep',
  'view',
  'analyze',
  'sequence',
  'validate',
  'foreign_key',
  'index',
  'backfill',
  'partitions',
  'table',
  'schema',
  'extension',
] satisfies StepKind[]

/** The reverse of the order in which steps are done: by kind, and among equals the one that came last first. */
export function inUndoOrder<R extends DoneStep>(records: readonly R[], graph?: Graph<Step>): readonly R[] {
  const place = new Map(graph?.vertices.map((it, index) => [it.id, index]))
  return [...records].sort(
    (a, b) =>
      UNDO_ORDER.indexOf(a.kind) - UNDO_ORDER.indexOf(b.kind) ||
      (place.get(b.id) ?? 0) - (place.get(a.id) ?? 0) ||
      (b.at ?? '').localeCompare(a.at ?? '') ||
      a.id.localeCompare(b.id),
  )
}
