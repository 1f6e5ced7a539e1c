import type { Context, Counts } from '../executors/executor.ts'
import { replay, replayOrphans } from '../executors/replay.ts'
import type { Graph } from '../graph/graph.ts'
import { sharesEntries } from '../plan/plan.ts'
import { type BackfillStep, type Step, tableOf } from '../plan/step.ts'
import { sameTable } from '../plan/table.ts'
import type { RunStart, StepRecord } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import type { Listener } from './events.ts'
import { inRun } from './run.ts'
import type { Session } from './session.ts'
import type { Executors } from './take-back.ts'

export interface Retried {
  readonly step: string
  /** Keys that were in the quarantine. */
  readonly keys: number
  readonly counts: Counts
  /** Its rows from before are those of another plan: the next apply copies it again. */
  readonly edited: boolean
}

/**
 * Replays what is in the quarantine through the plans as they are now: what becomes a row leaves it, the rest stays with its present reason.
 * An edited mapping stays to be applied: the rows that it gave before are still as they were.
 */
export async function retry(options: {
  readonly session: Session
  readonly graph: Graph<Step>
  readonly plans: readonly string[]
  readonly executors: Executors
  readonly fingerprint: (step: Step) => string
  readonly run: RunStart
  readonly listener: Listener
}): Promise<readonly Retried[]> {
  const { session, graph, plans, executors } = options
  const { ledger } = session
  return inRun(options, async (context) => {
    const records = await ledger.steps()
    const retried: Retried[] = []
    const isDone = ({ id }: Step) => records.get(id)?.state === 'done'
    for (const steps of groups(graph, plans, records)) {
      context.signal.throwIfAborted()
      const waiting = await Promise.all(
        steps.map((it) => ledger.quarantine.keys({ plan: it.plan, mapping: it.mapping.name })),
      )
      const keys = distinct(waiting.flat())
      if (keys.length === 0) continue
      const counted = await replay(steps, keys, context)
      for (const [index, step] of steps.entries()) {
        const counts = { ...counted[index]! }
        // A parent may have come after its child.
        const late = await replayOrphans(step, context)
        counts.inserted += late.inserted
        counts.rejected -= late.inserted
        const record = records.get(step.id)!
        await remember(record, { counts, context })
        const { length } = waiting[index]!
        if (length + counts.inserted + counts.updated === 0) continue
        const edited = record.fingerprint !== options.fingerprint(step)
        retried.push({ step: step.id, keys: length, counts, edited })
      }
    }
    // Numbers that were copied only now must not be drawn again.
    for (const { data: step } of graph.vertices) {
      if (step.kind !== 'sequence' || !isDone(step)) continue
      const table = tableOf(step)!
      const isTouched = graph.vertices.some(
        ({ data }) =>
          data.kind === 'backfill' &&
          sameTable(data.table.name, table) &&
          retried.some((it) => it.step === data.id),
      )
      if (isTouched) await executors.sequence.run(step, context)
    }
    return { result: retried, outcome: 'done', summary: { retried } }
  })
}

/** The applied mappings of plans, those together that read the same entries. */
function groups(
  graph: Graph<Step>,
  plans: readonly string[],
  records: ReadonlyMap<string, StepRecord>,
): readonly BackfillStep[][] {
  const found: BackfillStep[][] = []
  for (const { data: step } of graph.vertices) {
    if (step.kind !== 'backfill' || !plans.includes(step.plan) || !records.has(step.id)) continue
    const group = found.find(([it]) => it!.plan === step.plan && sharesEntries(it!.mapping, step.mapping))
    if (group) group.push(step)
    else found.push([step])
  }
  return found
}

const distinct = (keys: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(keys.map((it) => [it.toString('latin1'), it])).values(),
]

/** What was counted when the mapping was copied, with what became of its quarantine. An edited mapping goes on being one. */
async function remember(
  record: StepRecord,
  { counts, context }: { readonly counts: Counts; readonly context: Context },
): Promise<void> {
  const { ledger, target, lease } = context
  const step = record.definition
  if (step.kind !== 'backfill') return
  const known: Counts = record.outcome?.counts ?? {}
  const left = (await ledger.quarantine.counts()).filter(
    (it) => it.plan === step.plan && it.mapping === step.mapping.name && it.code !== 'ORPHAN',
  )
  const sum = (name: string) => (known[name] ?? 0) + (counts[name] ?? 0)
  const outcome = {
    counts: {
      ...known,
      inserted: sum('inserted'),
      updated: sum('updated'),
      rejected: left.reduce((total, it) => total + it.open + it.accepted, 0),
    },
  }
  await repeatably(() =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      await ledger.saveStep(tx, { ...record, outcome })
    }),
  )
}
