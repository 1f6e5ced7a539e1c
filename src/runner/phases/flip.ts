import type { Context } from '../../executors/executor.ts'
import { failpoint } from '../../failpoint.ts'
import type { Phase } from '../../plan/plan.ts'
import type { LiveStore } from '../../sources/live-store.ts'
import { noteFlip, type Why } from '../../state/flips.ts'
import type { Route } from '../../state/ledger.ts'
import { flipRoute } from '../../state/route.ts'
import { repeatably } from '../../state/schema.ts'
import { forgetSeen } from '../../state/watching.ts'
import type { Transaction } from '../../target/target.ts'

export interface Flip {
  readonly plan: string
  readonly to: { readonly phase: Phase; readonly rollout: boolean }
  readonly from: Route
  readonly why: Why
  /** Part of the same transaction. */
  readonly also?: (tx: Transaction) => Promise<void>
}

/**
 * Changes the route of a plan and then tells the store, so that writers of the epoch before are refused on both sides. Killed in between,
 * the next run finds the route changed and tells the store again (`raise`); until then every write of the new epoch does.
 */
export async function flip(
  { target, lease }: Pick<Context, 'target' | 'lease'>,
  live: Pick<LiveStore, 'raiseEpoch'>,
  { plan, to, from, why, also }: Flip,
): Promise<Route> {
  const route = await repeatably(() =>
    target.transaction(async (tx) => {
      await lease.fence(tx)
      const changed = await flipRoute(tx, plan, { ...to, from: from.epoch })
      await noteFlip(tx, plan, changed, why)
      if (changed.phase !== from.phase) await forgetSeen(tx, plan)
      await also?.(tx)
      return changed
    }),
  )
  failpoint('route.flipped')
  await live.raiseEpoch(plan, route.epoch)
  failpoint('route.raised')
  return route
}
