import type { Reconciled } from '../../checks/reconciled.ts'
import type { Context } from '../../executors/executor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Route } from '../../state/ledger.ts'
import { type Place, unitOf } from '../../state/touches.ts'
import { drain } from '../phases/drain.ts'
import { note } from '../phases/note.ts'
import { requireSameStore } from '../phases/same-store.ts'
import type { Session } from '../session.ts'
import { type Compared, compareLive } from './compare-live.ts'
import { NOTHING_PUSHED, type Pushed, push } from './push.ts'

const TOGETHER = 100

export interface Settled extends Pushed {
  readonly compared: number
  /** Changes that had been waiting and were carried to the source. */
  readonly drained: number
  /** Differences that are left after the repair. */
  readonly left: number
  /** The last comparison. */
  readonly last: Compared
}

/**
 * Compares both stores of a plan that is dual-written, repairs what differs (Postgres decides), compares again, and writes into the ledger
 * what is left: the evidence of gate C. `only` leaves everything else alone.
 */
export async function reconcile(
  session: Session,
  context: Context,
  options: {
    readonly plan: Plan
    readonly route: Route
    readonly adopt: boolean
    /** Somebody knows that the store lost its data, and that it is the right one. */
    readonly emptied?: boolean
    readonly only?: ReadonlySet<string>
    readonly progress?: (keys: number) => void
  },
): Promise<Settled> {
  const { plan, route, adopt, emptied, only, progress } = options
  const { signal } = context
  const { epoch } = route
  const live = await session.live(plan.source)
  if (emptied) await live.raiseEpoch(plan.name, epoch)
  else await requireSameStore(live, plan.name)
  const comparing = { signal, ...(progress ? { progress } : {}) }
  const carry = () => drain(session.target, live, { plan: plan.name, epoch, signal })
  const drained = await carry()
  const first = await compareLive(session, plan, comparing)
  const wanted = only ? first.suspects.filter((it) => only.has(unitNameOf(it.place))) : first.suspects
  let sum = NOTHING_PUSHED
  for (let from = 0; from < wanted.length; from += TOGETHER) {
    signal.throwIfAborted()
    sum = added(sum, await push(wanted.slice(from, from + TOGETHER), { plan, epoch, live, context, adopt }))
    await carry()
  }
  const last =
    sum.repaired + sum.adopted === 0 && sum.waiting === 0
      ? first
      : await compareLive(session, plan, comparing)
  const outcome: Reconciled = {
    compared: last.compared,
    repaired: sum.repaired + sum.adopted,
    left: last.left,
  }
  await note(context, { plan: plan.name, phase: 'B', kind: 'reconcile', state: 'done', outcome })
  return { ...sum, compared: last.compared, drained, left: last.left, last }
}

/** Names a place in a set. */
export const unitNameOf = (place: Place): string => unitOf(place).toString('latin1')

const added = (a: Pushed, b: Pushed): Pushed => ({
  repaired: a.repaired + b.repaired,
  adopted: a.adopted + b.adopted,
  alike: a.alike + b.alike,
  waiting: a.waiting + b.waiting,
  foreign: a.foreign + b.foreign,
  beyond: a.beyond + b.beyond,
})
