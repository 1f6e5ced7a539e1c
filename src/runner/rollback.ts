import { KvmigError } from '../errors.ts'
import type { Context, Executor } from '../executors/executor.ts'
import type { Plan } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import type { RunStart, StepRecord } from '../state/ledger.ts'
import { undoStep } from './apply.ts'
import { createContext } from './context.ts'
import type { Listener } from './events.ts'
import { takeLease } from './lease.ts'
import { inUndoOrder } from './pending.ts'
import type { Session } from './session.ts'

/** What a rollback of phase A would take away, in the order in which it would. */
export interface RollbackPlan {
  readonly plans: readonly string[]
  readonly steps: readonly StepRecord[]
}

/** Decides what goes. Refuses while a plan that stays refers to a table that would go. */
export async function planRollback(session: Session, plans: readonly string[]): Promise<RollbackPlan> {
  const records = [...(await session.ledger.steps()).values()]
  const steps = records.filter((it) => it.plan !== undefined && plans.includes(it.plan))
  const tables = new Set(steps.filter((it) => it.kind === 'table').map((it) => showTable((it.definition as Extract<Step, { kind: 'table' }>).table.name)))
  for (const it of records) {
    if (it.kind !== 'foreign_key' || steps.includes(it)) continue
    const { reference, table } = it.definition as Extract<Step, { kind: 'foreign_key' }>
    if (!tables.has(showTable(reference.to))) continue
    throw new KvmigError('STILL_REFERENCED', `${showTable(table)} of plan ${it.plan} refers to ${showTable(reference.to)}, which would be dropped.`, {
      hint: `Roll ${it.plan} back too: kvmig rollback ${[...plans, it.plan].join(' ')}.`,
    })
  }
  return { plans, steps: inUndoOrder(steps) }
}

/** Takes phase A of plans back: drops exactly what kvmig added, forgets it, and clears its quarantine. */
export async function rollback(options: {
  readonly session: Session
  readonly what: RollbackPlan
  readonly plans: readonly Plan[]
  readonly executors: { readonly [K in Step['kind']]: Executor }
  readonly run: RunStart
  readonly listener: Listener
}): Promise<readonly string[]> {
  const { session, what, executors, listener } = options
  const { ledger, target } = session
  const lease = await takeLease(ledger, options.run)
  try {
    const run = await ledger.beginRun(options.run)
    const context: Context = createContext({ session, lease, run, listener, fingerprint: () => '', ask: async () => new Map(), signal: AbortSignal.any([session.signal, lease.signal]) })
    const undone: string[] = []
    for (const record of what.steps) {
      await undoStep(record, { executors, context, listener })
      undone.push(record.id)
    }
    await target.transaction(async (tx) => {
      await lease.fence(tx)
      for (const plan of what.plans) {
        await ledger.quarantine.clear(tx, plan)
        await ledger.forgetRoute(tx, plan)
      }
    })
    await ledger.finishRun(run, 'done', { undone: undone.length })
    return undone
  } finally {
    await lease.release().catch(() => {})
  }
}
