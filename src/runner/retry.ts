import type { Context, Counts } from '../executors/executor.ts'
import { replay, replayOrphans } from '../executors/replay.ts'
import type { Graph } from '../graph/graph.ts'
import { type BackfillStep, type Step, tableOf } from '../plan/step.ts'
import { sameTable } from '../plan/table.ts'
import type { RunStart, StepRecord } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import { stepRecord } from './context.ts'
import type { Listener } from './events.ts'
import { inRun } from './run.ts'
import type { Session } from './session.ts'
import type { Executors } from './take-back.ts'

export interface Retried {
  readonly step: string
  /** Keys that were in the quarantine. */
  readonly keys: number
  readonly counts: Counts
}

/**
 * Replays what is in the quarantine through the plans as they are now: what becomes a row leaves it, the rest stays with its present reason.
 * A mapping that was mended counts as applied afterwards; whether the rows copied before still are what it gives is the gate's question.
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
    for (const { data: step } of graph.vertices) {
      context.signal.throwIfAborted()
      if (step.kind !== 'backfill' || !plans.includes(step.plan) || !records.has(step.id)) continue
      const keys = await ledger.quarantine.keys({ plan: step.plan, mapping: step.mapping.name })
      if (keys.length === 0) continue
      const counts = { ...(await replay(step, keys, context)) }
      // A parent may have come after its child.
      const late = await replayOrphans(step, context)
      counts.inserted += late.inserted
      counts.rejected -= late.inserted
      await remember(step, records.get(step.id)!, { counts, context })
      retried.push({ step: step.id, keys: keys.length, counts: { ...counts } })
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

/** What was counted when the mapping was copied, with what became of its quarantine. */
async function remember(
  step: BackfillStep,
  record: StepRecord,
  { counts, context }: { readonly counts: Counts; readonly context: Context },
): Promise<void> {
  const { ledger, target, lease, compiled } = context
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
      await ledger.saveStep(tx, {
        ...stepRecord(step, context.fingerprint(step), compiled),
        state: record.state,
        outcome,
      })
    }),
  )
}
