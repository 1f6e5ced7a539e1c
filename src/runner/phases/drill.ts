import type { Context } from '../../executors/executor.ts'
import type { Phase, Plan } from '../../plan/plan.ts'
import type { Route } from '../../state/ledger.ts'
import { type Compared, compareLive } from '../converge/compare-live.ts'
import type { Session } from '../session.ts'
import { goBack } from './back.ts'
import { drain } from './drain.ts'
import { type Fleet, isConfirmed, waitForFleet } from './fleet.ts'
import { flip } from './flip.ts'
import { note } from './note.ts'
import { requireSameStore } from './same-store.ts'

/** What a rehearsal of the way back came to. */
export interface Drill {
  /** `stuck`: instances did not confirm; the plan is back where it was. */
  readonly state: 'done' | 'differs' | 'stuck'
  readonly fleet: Fleet
  /** From the decision to go back until the old route was in force on both sides. */
  readonly backMillis: number
  readonly there: Compared | undefined
  readonly after: Compared | undefined
  readonly route: Route
}

/**
 * Rehearses the way back with the real plan: B → C → B, or C → B → C, comparing both stores on both sides of it. Whatever happens in
 * between, the plan ends where it was.
 */
export async function drill(
  session: Session,
  context: Context,
  { plan, route, waitMillis }: { readonly plan: Plan; readonly route: Route; readonly waitMillis: number },
): Promise<Drill> {
  const live = await session.live(plan.source)
  await requireSameStore(live, plan.name)
  const { name } = plan
  const { signal } = context
  const confirmed = (epoch: number) =>
    waitForFleet(session.target, name, { epoch, expect: undefined, waitMillis, signal })
  const to = async (phase: Phase, from: Route): Promise<Route> => {
    if (phase === 'B')
      return (await goBack(session, context, { plan, route: from, to: 'B', atRisk: 0, why: 'drill' })).route
    await drain(session.target, live, { plan: name, epoch: from.epoch, signal })
    return flip(context, live, { plan: name, to: { phase: 'C', rollout: false }, from, why: 'drill' })
  }
  const home = route.phase
  const away: Phase = home === 'B' ? 'C' : 'B'
  const began = performance.now()
  let at = await to(away, route)
  const wentMillis = performance.now() - began
  let [there, backMillis]: [Compared | undefined, number] = [undefined, wentMillis]
  const first = await confirmed(at.epoch)
  try {
    if (isConfirmed(first)) there = await compareLive(session, plan, { signal })
  } finally {
    const decided = performance.now()
    at = await to(home, at)
    // From B to C to B the way back is the second flip; from C to B to C it was the first.
    if (home === 'B') backMillis = performance.now() - decided
  }
  const last = await confirmed(at.epoch)
  if (!isConfirmed(first) || !isConfirmed(last)) {
    const fleet = isConfirmed(first) ? last : first
    return { state: 'stuck', fleet, backMillis, there, after: undefined, route: at }
  }
  const after = await compareLive(session, plan, { signal })
  const left = (there?.left ?? 0) + after.left
  await note(context, {
    plan: name,
    phase: 'B',
    kind: 'drill',
    state: 'done',
    outcome: { backMillis: Math.round(backMillis), left },
  })
  return { state: left === 0 ? 'done' : 'differs', fleet: last, backMillis, there, after, route: at }
}
