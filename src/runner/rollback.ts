import { KvmigError } from '../errors.ts'
import { type Step, tableOf } from '../plan/step.ts'
import { inUndoOrder } from '../plan/step-state.ts'
import { sameTable, type TableName } from '../plan/table.ts'
import type { RunStart, StepRecord } from '../state/ledger.ts'
import type { Listener } from './events.ts'
import { inRun } from './run.ts'
import type { Session } from './session.ts'
import { type Executors, requireFree, takeBack } from './take-back.ts'

/** What a rollback of phase A would take away, in the order in which it would. */
export interface RollbackPlan {
  readonly plans: readonly string[]
  readonly steps: readonly StepRecord[]
}

/**
 * Decides what goes: everything that is these plans', and what plans share if none that stays needs it. Refuses while a plan that stays
 * refers to a table that would go, or writes it.
 */
export async function planRollback(
  { ledger, project }: Session,
  plans: readonly string[],
): Promise<RollbackPlan> {
  for (const [plan, { phase }] of await ledger.routes()) {
    if (phase === 'A' || !plans.includes(plan)) continue
    throw new KvmigError(
      'PHASE_PAST',
      `Plan ${plan} is in phase ${phase}: its tables are written by the application.`,
      {
        hint: `Go back to phase A first: kvmig rollback --to=A ${plan}.`,
      },
    )
  }
  // What the later phases noted is not theirs to drop.
  const records = [...(await ledger.steps()).values()].filter((it) => it.phase === 'A')
  const stay = records.filter((it) => it.plan !== undefined && !plans.includes(it.plan))
  const staying = new Set(stay.map((it) => it.plan))
  const isNeeded = (table: TableName): boolean =>
    stay.some((it) => it.kind === 'backfill' && sameTable(it.definition.table.name, table)) ||
    project.plans.some(
      (plan) => staying.has(plan.name) && plan.tables.some((it) => sameTable(it.name, table)),
    )
  const goes = ({ plan, definition }: StepRecord): boolean => {
    if (plan !== undefined) return plans.includes(plan)
    const table = tableOf(definition as Step)
    return table ? !isNeeded(table) : stay.length === 0
  }
  const steps = inUndoOrder(records.filter(goes))
  requireFree(steps, records)
  return { plans, steps }
}

/** Takes phase A of plans back: drops exactly what kvmig added, forgets it, and clears its quarantine. */
export async function rollback(options: {
  readonly session: Session
  readonly what: RollbackPlan
  readonly executors: Executors
  readonly run: RunStart
  readonly listener: Listener
}): Promise<readonly string[]> {
  const { session, what, executors, listener } = options
  const { ledger } = session
  return inRun({ session, run: options.run, listener, fingerprint: () => '' }, async (context) => {
    await takeBack(what.steps, { executors, context }, async (tx) => {
      for (const plan of what.plans) {
        await ledger.quarantine.clear(tx, plan)
        await ledger.forgetRoute(tx, plan)
      }
    })
    for (const { id } of what.steps) listener({ kind: 'undone', step: id })
    return { result: what.steps.map((it) => it.id), outcome: 'done', summary: { undone: what.steps.length } }
  })
}
