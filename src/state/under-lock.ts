import { SourceError } from '../errors.ts'
import type { LiveApplied, LiveStore, LiveWrite } from '../sources/live-store.ts'
import type { Target, Transaction } from '../target/target.ts'
import { pendingOf, settle } from './outbox.ts'
import { holdEpoch } from './route.ts'
import { findTouches } from './touches.ts'

/**
 * Carries changes to a store. One that can compare and set does so by itself. To one that cannot they are written while the epoch and the
 * locks of their records are held in the target, which compares instead: only a change that is still its record's newest, and that nobody
 * has carried before, is written, and nobody else can make or carry one meanwhile. What is left to chance there: a request that was given up
 * as lost, and arrives later.
 */
export function carryTo(target: Target, store: LiveStore, write: LiveWrite): Promise<LiveApplied> {
  if (!store.underLock) return store.apply(write)
  // Such a store has no transactions, and no client whose transactions would have to be kept together.
  if (write.others?.length || write.along)
    throw new SourceError(
      'LIVE_UNABLE',
      `${store.label} cannot take records of several plans at one instant.`,
    )
  return target.transaction(async (tx): Promise<LiveApplied> => {
    // A plan that was never applied has no route, and nobody changes it.
    if (write.epoch > 0 && !(await holdEpoch(tx, write.plan, write.epoch)))
      return { fenced: true, epoch: await epochOf(tx, write.plan) }
    return carryUnderLock(tx, store, write)
  })
}

/** The same in a transaction that holds the epoch, or that changes it. */
export async function carryUnderLock(
  tx: Transaction,
  store: LiveStore,
  { plan, epoch, changes }: LiveWrite,
): Promise<LiveApplied> {
  const isVersioned = changes.some((it) => it.version !== undefined)
  const touches = isVersioned ? await findTouches(tx, plan, changes, { lock: true }) : []
  const waiting = isVersioned ? await pendingOf(tx, plan, changes) : []
  const isNewest = changes.map((it, at) => {
    if (it.version === undefined) return true
    // Carried twice, it could undo what somebody wrote to the source alone in between.
    const isWaiting = waiting.some(
      ({ key, part, version }) => version === it.version && part === it.part && key.equals(it.key),
    )
    return isWaiting && touches[at]?.version === it.version
  })
  const newest = changes.flatMap(({ version: _, ...change }, at) => (isNewest[at] ? [change] : []))
  const applied = newest.length > 0 && (await store.apply({ plan, epoch, changes: newest }))
  if (applied !== false && applied.fenced) return applied
  const carried = changes.flatMap(({ key, part, version }, at) =>
    isNewest[at] && version !== undefined ? [{ key, part, version }] : [],
  )
  await settle(tx, plan, carried)
  return { fenced: false, results: isNewest.map((it) => (it ? 'applied' : 'older')) }
}

async function epochOf(tx: Transaction, plan: string): Promise<number> {
  const [row] = await tx.query('SELECT epoch FROM kvmig.route WHERE plan = $1', [plan])
  return Number(row?.epoch ?? 0)
}
