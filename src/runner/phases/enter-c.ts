import type { Context } from '../../executors/executor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Route } from '../../state/ledger.ts'
import type { Transaction } from '../../target/target.ts'
import type { Session } from '../session.ts'
import { drain } from './drain.ts'
import { type Fleet, type Patience, waitForFleet } from './fleet.ts'
import { flip } from './flip.ts'
import { requireSameStore } from './same-store.ts'

/**
 * Brings a plan whose gate is open into phase C, in which Postgres answers reads and the source stays written; `evidence` is part of the
 * transaction that does it. A plan that is there already is only waited for.
 */
export async function enterC(
  session: Session,
  context: Context,
  options: {
    readonly plan: Plan
    readonly route: Route
    readonly patience: Patience
    readonly evidence?: (tx: Transaction) => Promise<void>
  },
): Promise<{ readonly route: Route; readonly fleet: Fleet }> {
  const { plan, patience, evidence } = options
  const live = await session.live(plan.source)
  let route = options.route
  if (route.phase === 'B') {
    await requireSameStore(live, plan.name)
    await drain(session.target, live, { plan: plan.name, epoch: route.epoch, signal: context.signal })
    route = await flip(context, live, {
      plan: plan.name,
      to: { phase: 'C', rollout: false },
      from: route,
      why: 'phase',
      ...(evidence ? { also: evidence } : {}),
    })
  } else await live.raiseEpoch(plan.name, route.epoch)
  const fleet = await waitForFleet(session.target, plan.name, {
    epoch: route.epoch,
    expect: undefined,
    ...patience,
    signal: context.signal,
  })
  return { route, fleet }
}
