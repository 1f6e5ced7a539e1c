import type { Context } from '../../executors/executor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Route } from '../../state/ledger.ts'
import type { Transaction } from '../../target/target.ts'
import { type CaughtUp, catchUp } from '../converge/catch-up.ts'
import type { Session } from '../session.ts'
import type { Rollout } from './expected.ts'
import { type Fleet, isConfirmed, type Patience, waitForFleet } from './fleet.ts'
import { flip } from './flip.ts'
import { note } from './note.ts'

/** How far a plan came on its way into phase B. */
export type EnteredB =
  /** Instances have not confirmed: everything else waits for them. */
  | { readonly state: 'waiting'; readonly route: Route; readonly fleet: Fleet }
  /** It was compared and repaired, and still differs: somebody writes past the protocol, or rows cannot be told. */
  | { readonly state: 'differs'; readonly route: Route; readonly fleet: Fleet; readonly caughtUp: CaughtUp }
  | { readonly state: 'done'; readonly route: Route; readonly fleet: Fleet; readonly caughtUp: CaughtUp }

/**
 * Brings a plan whose gate is open into phase B: the route flips, every instance confirms, then the catch-up takes over what was written
 * to the source alone since the copy, and ends the rollout window. Each part may be killed and run again: the route says how far it came.
 */
export async function enterB(
  session: Session,
  context: Context,
  options: {
    readonly plan: Plan
    readonly route: Route
    readonly rollout: Rollout
    readonly patience: Patience
    readonly confirmDeletes: number | undefined
    /** Part of the transaction that changes the route. */
    readonly evidence?: (tx: Transaction) => Promise<void>
    readonly progress?: (keys: number) => void
  },
): Promise<EnteredB> {
  const { plan, rollout, patience, confirmDeletes, evidence, progress } = options
  const live = await session.live(plan.source)
  const { name } = plan
  let route = options.route
  if (route.phase === 'A')
    route = await flip(context, live, {
      plan: name,
      to: { phase: 'B', rollout: true },
      from: route,
      why: 'phase',
      ...(evidence ? { also: evidence } : {}),
    })
  // The run that flipped it may have been killed before it told the store.
  else await live.raiseEpoch(name, route.epoch)
  const fleet = await waitForFleet(session.target, name, {
    epoch: route.epoch,
    expect: 'expect' in rollout ? rollout.expect : undefined,
    ...patience,
    signal: context.signal,
  })
  if (!isConfirmed(fleet)) return { state: 'waiting', route, fleet }

  const work = { plan: name, phase: 'B', kind: 'catch_up' } as const
  await note(context, { ...work, state: 'running', outcome: {} })
  const caughtUp = await catchUp(session, context, {
    plan,
    epoch: route.epoch,
    confirmDeletes,
    ...(progress ? { progress } : {}),
  })
  await note(context, { ...work, state: caughtUp.complete ? 'done' : 'failed', outcome: caughtUp })
  if (!caughtUp.complete) return { state: 'differs', route, fleet, caughtUp }
  const last = await flip(context, live, {
    plan: name,
    to: { phase: 'B', rollout: false },
    from: route,
    why: 'catch-up',
  })
  return { state: 'done', route: last, fleet, caughtUp }
}
