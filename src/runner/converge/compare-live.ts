import { setTimeout as sleep } from 'node:timers/promises'
import type { Difference } from '../../checks/differences.ts'
import type { Plan } from '../../plan/plan.ts'
import { pendingOf } from '../../state/outbox.ts'
import { type Place, unitOf } from '../../state/touches.ts'
import type { Session } from '../session.ts'
import { findAllSuspects, type Suspect, type Suspects } from './suspects.ts'

export interface Compared {
  readonly compared: number
  /** Records that differ, and had time enough to agree. */
  readonly suspects: readonly Suspect[]
  readonly unplaced: readonly Difference[]
  /** How many differences that are. */
  readonly left: number
}

/** A write is on both sides after that long, unless something is wrong. */
export const SETTLE_MILLIS = 1_000

export interface Comparing {
  readonly signal: AbortSignal
  readonly progress?: (keys: number) => void
  readonly settleMillis?: number
}

/**
 * Compares both stores while the application writes: what differs is looked at again a moment later, and counts only if it still differs
 * and no change of it is on its way. Changes nothing.
 */
export async function compareLive(session: Session, plan: Plan, options: Comparing): Promise<Compared> {
  return (await compareAllLive(session, [plan], options)).get(plan.name)!
}

/** The same for several plans at once: each source is read once for all of them, and once more for those that differ. By the plan's name. */
export async function compareAllLive(
  session: Session,
  plans: readonly Plan[],
  { signal, progress, settleMillis = SETTLE_MILLIS }: Comparing,
): Promise<ReadonlyMap<string, Compared>> {
  const options = { signal, ...(progress ? { progress } : {}) }
  const first = await findAllSuspects(session, plans, options)
  const differ = plans.filter((it) => {
    const { list, unplaced } = first.get(it.name)!
    return list.length + unplaced.length > 0
  })
  const alike = [...first].map(([name, { compared }]): [string, Compared] => [
    name,
    { compared, suspects: [], unplaced: [], left: 0 },
  ])
  if (differ.length === 0) return new Map(alike)
  await sleep(settleMillis, undefined, { signal })
  const second = await findAllSuspects(session, differ, options)
  const still = await Promise.all(
    differ.map(async ({ name }): Promise<[string, Compared]> => {
      const again = second.get(name)!
      const suspects = await lasting(session, name, { before: first.get(name)!, again })
      const left = suspects.reduce((sum, it) => sum + it.differences.length, 0) + again.unplaced.length
      return [name, { compared: again.compared, suspects, unplaced: again.unplaced, left }]
    }),
  )
  return new Map([...alike, ...still])
}

/** What differed both times, and has no change on its way. */
async function lasting(
  session: Session,
  plan: string,
  { before, again }: { readonly before: Suspects; readonly again: Suspects },
): Promise<readonly Suspect[]> {
  const known = new Set(before.list.map((it) => unitOf(it.place).toString('latin1')))
  const still = again.list.filter(
    (it) => it.differences.length > 0 && known.has(unitOf(it.place).toString('latin1')),
  )
  const places = still.map((it) => it.place)
  const onTheirWay = await pending(session, plan, places)
  return still.filter((it) => !onTheirWay.has(unitOf(it.place).toString('latin1')))
}

async function pending(
  { target, ledger }: Session,
  plan: string,
  places: readonly Place[],
): Promise<ReadonlySet<string>> {
  if (places.length === 0 || !(await ledger.installed())) return new Set()
  const entries = await target.transaction((tx) => pendingOf(tx, plan, places), { readOnly: true })
  return new Set(entries.map((it) => unitOf(it).toString('latin1')))
}
