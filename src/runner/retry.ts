import { replay } from '../executors/backfill.ts'
import type { Counts } from '../executors/executor.ts'
import type { Graph } from '../graph/graph.ts'
import type { BackfillStep, Step } from '../plan/step.ts'
import type { RunStart } from '../state/ledger.ts'
import { countsOf, createContext } from './context.ts'
import type { Listener } from './events.ts'
import { takeLease } from './lease.ts'
import type { Session } from './session.ts'

/** Keys that are replayed at a time. */
const CHUNK = 1_000

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
  readonly fingerprint: (step: Step) => string
  readonly run: RunStart
  readonly listener: Listener
}): Promise<readonly Retried[]> {
  const { session, graph, plans, fingerprint, listener } = options
  const { ledger } = session
  const lease = await takeLease(ledger, options.run)
  try {
    const run = await ledger.beginRun(options.run)
    const signal = AbortSignal.any([session.signal, lease.signal])
    const context = createContext({ session, lease, run, signal, fingerprint, ask: async () => new Map(), listener })
    const records = await ledger.steps()
    const retried: Retried[] = []
    for (const { data: step } of graph.vertices) {
      if (step.kind !== 'backfill' || !plans.includes(step.plan) || !records.has(step.id)) continue
      const keys = await quarantinedKeys(session, step)
      if (keys.length === 0) continue
      const sum: Record<string, number> = {}
      for (let from = 0; from < keys.length; from += CHUNK) {
        signal.throwIfAborted()
        const outcomes = await replay([step], keys.slice(from, from + CHUNK), context)
        for (const [name, count] of Object.entries(countsOf(outcomes.get(step.id)))) sum[name] = (sum[name] ?? 0) + count
      }
      retried.push({ step: step.id, keys: keys.length, counts: sum })
    }
    await ledger.finishRun(run, 'done', { retried })
    return retried
  } finally {
    await lease.release().catch(() => {})
  }
}

async function quarantinedKeys({ ledger }: Session, { plan, mapping }: BackfillStep): Promise<readonly Buffer[]> {
  const records = await ledger.quarantine.list({ plan, mapping: mapping.name, limit: 2 ** 31 - 1 })
  return [...new Map(records.map((it) => [it.key.toString('latin1'), it.key])).values()]
}
