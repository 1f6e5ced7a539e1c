import type { Reconciled } from '../../checks/reconciled.ts'
import type { Context } from '../../executors/executor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Route } from '../../state/ledger.ts'
import { type Place, unitOf } from '../../state/touches.ts'
import { drain } from '../phases/drain.ts'
import { note } from '../phases/note.ts'
import { requireSameStore } from '../phases/same-store.ts'
import type { Session } from '../session.ts'
import { type Compared, compareAllLive } from './compare-live.ts'
import { forgetOld } from './forget.ts'
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

/** A plan that is dual-written; `only` leaves everything else of it alone. */
export interface Reconciling {
  readonly plan: Plan
  readonly route: Route
  readonly only?: ReadonlySet<string>
}

/**
 * Compares both stores of plans that are dual-written, repairs what differs (Postgres decides), compares again, and writes into the ledger
 * what is left: the evidence of gate C. Sources are read once for all plans. Gives what came of each, by its name.
 */
export async function reconcile(
  session: Session,
  context: Context,
  options: {
    readonly plans: readonly Reconciling[]
    readonly adopt: boolean
    /** Somebody knows that the store lost its data, and that it is the right one. */
    readonly emptied?: boolean
    readonly progress?: (keys: number) => void
  },
): Promise<ReadonlyMap<string, Settled>> {
  const { plans, adopt, emptied, progress } = options
  const { signal } = context
  const comparing = { signal, ...(progress ? { progress } : {}) }
  const carry = async ({ plan, route: { epoch } }: Reconciling): Promise<number> =>
    drain(session.target, await session.live(plan.source), { plan: plan.name, epoch, signal })
  const drained = new Map<string, number>()
  for (const it of plans) {
    const live = await session.live(it.plan.source)
    if (emptied) await live.raiseEpoch(it.plan.name, it.route.epoch)
    else await requireSameStore(live, it.plan.name)
    drained.set(it.plan.name, await carry(it))
  }
  const first = await compareAllLive(
    session,
    plans.map((it) => it.plan),
    comparing,
  )
  const sums = new Map<string, Pushed>()
  for (const it of plans) {
    const { plan, only, route } = it
    const live = await session.live(plan.source)
    const { suspects } = first.get(plan.name)!
    const wanted = only ? suspects.filter(({ place }) => only.has(unitNameOf(place))) : suspects
    let sum = NOTHING_PUSHED
    for (let from = 0; from < wanted.length; from += TOGETHER) {
      signal.throwIfAborted()
      const some = wanted.slice(from, from + TOGETHER)
      sum = added(sum, await push(some, { plan, epoch: route.epoch, live, context, adopt }))
      await carry(it)
    }
    sums.set(plan.name, sum)
  }
  const touched = plans.filter(({ plan }) => {
    const { repaired, adopted, waiting } = sums.get(plan.name)!
    return repaired + adopted + waiting > 0
  })
  const again = await compareAllLive(
    session,
    touched.map((it) => it.plan),
    comparing,
  )
  const settled = new Map<string, Settled>()
  for (const { plan } of plans) {
    const sum = sums.get(plan.name)!
    const last = again.get(plan.name) ?? first.get(plan.name)!
    const { compared, left } = last
    const outcome: Reconciled = { compared, repaired: sum.repaired + sum.adopted, left }
    await note(context, { plan: plan.name, phase: 'B', kind: 'reconcile', state: 'done', outcome })
    settled.set(plan.name, { ...sum, compared, drained: drained.get(plan.name)!, left, last })
  }
  await forgetOld(session.target, session.project.plans)
  return settled
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
