import type { Context } from '../../executors/executor.ts'
import type { Phase } from '../../plan/plan.ts'
import { repeatably } from '../../state/schema.ts'

/** Writes into the ledger that work of a later phase was begun or done, as `PLAN/PHASE/KIND`, under the lease. */
export async function note(
  { target, lease, ledger }: Pick<Context, 'target' | 'lease' | 'ledger'>,
  {
    plan,
    phase,
    kind,
    state,
    outcome,
  }: {
    readonly plan: string
    readonly phase: Phase
    readonly kind: string
    readonly state: 'running' | 'done' | 'failed'
    readonly outcome: unknown
  },
): Promise<void> {
  await repeatably(() =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      await ledger.saveStep(tx, {
        id: `${plan}/${phase}/${kind}`,
        plan,
        phase,
        kind,
        fingerprint: '',
        state,
        definition: undefined,
        outcome,
      })
    }),
  )
}
