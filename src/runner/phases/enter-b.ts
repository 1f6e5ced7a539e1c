import { KvmigError } from '../../errors.ts'
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
export type EnteredB = { readonly route: Route; readonly fleet: Fleet } & (
  | {
      /** Instances have not confirmed: everything else waits for them. */
      readonly state: 'waiting'
    }
  /** More rows would be deleted than go unasked, so nothing of it was changed. */
  | { readonly state: 'stopped'; readonly error: KvmigError }
  /** `differs`: it was compared and repaired, and still differs: somebody writes past the protocol, or rows cannot be told. */
  | { readonly state: 'differs' | 'done'; readonly caughtUp: CaughtUp }
)

export interface EnteringB {
  readonly plan: Plan
  readonly route: Route
  readonly rollout: Rollout
  readonly patience: Patience
  /** Part of the transaction that changes the route. */
  readonly evidence?: (tx: Transaction) => Promise<void>
}

/**
 * Brings plans whose gates are open into phase B, by name: their routes flip, every instance confirms, then the catch-up takes over what was
 * written to the sources alone since the copy, and ends the rollout window. They go together, so that a source is read once for all of them.
 * Each part may be killed and run again: the route says how far it came.
 */
export async function enterB(
  session: Session,
  context: Context,
  options: {
    /** Those that others refer to first. */
    readonly plans: readonly EnteringB[]
    readonly confirmDeletes: number | undefined
    readonly progress?: (keys: number) => void
  },
): Promise<ReadonlyMap<string, EnteredB>> {
  const { plans, confirmDeletes, progress } = options
  const entered = new Map<string, EnteredB>()
  const begun: { readonly plan: Plan; readonly route: Route; readonly fleet: Fleet }[] = []
  const flipped: (EnteringB & { readonly route: Route })[] = []
  for (const it of plans) flipped.push({ ...it, route: await begin(session, context, it) })
  const began = performance.now()
  for (const { plan, route, rollout, patience } of flipped) {
    const fleet = await waitForFleet(session.target, plan.name, {
      ...patience,
      epoch: route.epoch,
      expect: 'expect' in rollout ? rollout.expect : undefined,
      // They are waited for once, and not once for every plan.
      waitMillis: patience.waitMillis - (performance.now() - began),
      signal: context.signal,
    })
    if (isConfirmed(fleet)) begun.push({ plan, route, fleet })
    else entered.set(plan.name, { state: 'waiting', route, fleet })
  }
  const work = (plan: Plan) => ({ plan: plan.name, phase: 'B', kind: 'catch_up' }) as const
  for (const { plan } of begun) await note(context, { ...work(plan), state: 'running', outcome: {} })
  const all = await catchUp(session, context, {
    plans: begun.map(({ plan, route }) => ({ plan, epoch: route.epoch })),
    confirmDeletes,
    ...(progress ? { progress } : {}),
  })
  for (const { plan, route, fleet } of begun) {
    const caughtUp = all.get(plan.name)!
    if (caughtUp instanceof KvmigError) {
      entered.set(plan.name, { state: 'stopped', route, fleet, error: caughtUp })
      continue
    }
    const { complete } = caughtUp
    await note(context, { ...work(plan), state: complete ? 'done' : 'failed', outcome: caughtUp })
    if (!complete) {
      entered.set(plan.name, { state: 'differs', route, fleet, caughtUp })
      continue
    }
    const last = await flip(context, await session.live(plan.source), {
      plan: plan.name,
      to: { phase: 'B', rollout: false },
      from: route,
      why: 'catch-up',
    })
    entered.set(plan.name, { state: 'done', route: last, fleet, caughtUp })
  }
  return entered
}

async function begin(
  session: Session,
  context: Context,
  { plan, route, evidence }: EnteringB,
): Promise<Route> {
  const live = await session.live(plan.source)
  if (route.phase === 'A')
    return flip(context, live, {
      plan: plan.name,
      to: { phase: 'B', rollout: true },
      from: route,
      why: 'phase',
      ...(evidence ? { also: evidence } : {}),
    })
  // The run that flipped it may have been killed before it told the store.
  await live.raiseEpoch(plan.name, route.epoch)
  return route
}
