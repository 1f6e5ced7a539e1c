import { setTimeout as sleep } from 'node:timers/promises'
import type { Difference } from '../../checks/differences.ts'
import type { Plan } from '../../plan/plan.ts'
import { pendingOf } from '../../state/outbox.ts'
import { type Place, unitOf } from '../../state/touches.ts'
import type { Session } from '../session.ts'
import { findSuspects, type Suspect } from './suspects.ts'

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

/**
 * Compares both stores while the application writes: what differs is looked at again a moment later, and counts only if it still differs
 * and no change of it is on its way. Changes nothing.
 */
export async function compareLive(
  session: Session,
  plan: Plan,
  {
    signal,
    progress,
    settleMillis = SETTLE_MILLIS,
  }: {
    readonly signal: AbortSignal
    readonly progress?: (keys: number) => void
    readonly settleMillis?: number
  },
): Promise<Compared> {
  const options = { signal, ...(progress ? { progress } : {}) }
  const first = await findSuspects(session, plan, options)
  if (first.list.length + first.unplaced.length === 0)
    return { compared: first.compared, suspects: [], unplaced: [], left: 0 }
  await sleep(settleMillis, undefined, { signal })
  const second = await findSuspects(session, plan, options)
  const before = new Set(first.list.map((it) => unitOf(it.place).toString('latin1')))
  const still = second.list.filter(
    (it) => it.differences.length > 0 && before.has(unitOf(it.place).toString('latin1')),
  )
  const onTheirWay = await pending(
    session,
    plan.name,
    still.map((it) => it.place),
  )
  const suspects = still.filter((it) => !onTheirWay.has(unitOf(it.place).toString('latin1')))
  return {
    compared: second.compared,
    suspects,
    unplaced: second.unplaced,
    left: suspects.reduce((sum, it) => sum + it.differences.length, 0) + second.unplaced.length,
  }
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
