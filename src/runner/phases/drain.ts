import { failpoint } from '../../failpoint.ts'
import { decodeChange } from '../../sources/change.ts'
import type { LiveApplied, LiveStore } from '../../sources/live-store.ts'
import { databaseTime, outboxDepth, settle, takeOutbox } from '../../state/outbox.ts'
import { RouteError } from '../../state/route.ts'
import { carryTo, carryUnderLock } from '../../state/under-lock.ts'
import type { Target, Transaction } from '../../target/target.ts'

const TOGETHER = 200

/** What is on its way to the source of one plan. */
export async function waitingIn(target: Target, plan: string): Promise<number> {
  const depths = await target.transaction((tx) => outboxDepth(tx), { readOnly: true })
  return depths.find((it) => it.plan === plan)?.entries ?? 0
}

/**
 * Carries to the source what was committed in Postgres up to now and not confirmed there; what is written meanwhile is carried by whoever
 * wrote it, so that a crowd that never rests cannot keep this from ending. What instances carry at the same time does no harm: the store
 * takes each version once. Gives how many changes were carried; throws what the store answers if it is out of reach.
 */
export async function drain(
  target: Target,
  live: LiveStore,
  { plan, epoch, signal }: { readonly plan: string; readonly epoch: number; readonly signal: AbortSignal },
): Promise<number> {
  let carried = 0
  const until = await target.transaction((tx) => databaseTime(tx))
  for (;;) {
    signal.throwIfAborted()
    // Also what somebody has taken just now: whoever it was may be dead.
    const entries = await takeOutbox(target, { plan, limit: TOGETHER, leaseMillis: 0, until })
    if (entries.length === 0) return carried
    const applied = await carryTo(target, live, {
      plan,
      epoch,
      changes: entries.map(({ key, part, change, version }) => ({
        key,
        part,
        change: decodeChange(change),
        version,
      })),
    })
    requireTaken(plan, applied)
    failpoint('outbox.applied')
    await target.transaction((tx) => settle(tx, plan, entries))
    carried += entries.length
  }
}

/**
 * The same inside the transaction that changes the route: whoever wrote by the old one has committed, and nobody writes by the new one yet.
 * So nothing that is carried here can come after a write of the next phase, and a reader of the source misses nothing.
 */
export async function drainWithin(
  tx: Transaction,
  live: LiveStore,
  { plan, epoch }: { readonly plan: string; readonly epoch: number },
): Promise<number> {
  let carried = 0
  for (;;) {
    const rows = await tx.query(
      'SELECT key, part, version, change FROM kvmig.outbox WHERE plan = $1 ORDER BY at, version LIMIT $2',
      [plan, TOGETHER],
    )
    if (rows.length === 0) return carried
    const entries = rows.map((row) => ({
      key: bytesOf(row.key!),
      part: bytesOf(row.part!).toString(),
      version: Number(row.version),
      change: decodeChange(bytesOf(row.change!)),
    }))
    const write = { plan, epoch, changes: entries }
    requireTaken(plan, await (live.underLock ? carryUnderLock(tx, live, write) : live.apply(write)))
    await settle(tx, plan, entries)
    carried += entries.length
  }
}

function requireTaken(plan: string, applied: LiveApplied): void {
  if (!applied.fenced) return
  throw new RouteError('ROUTE_CHANGED', `The route of ${plan} is at epoch ${applied.epoch} by now.`, {
    hint: 'Somebody else changed it meanwhile: look with kvmig status, then decide again.',
  })
}

const bytesOf = (text: string): Buffer => Buffer.from(text.slice(2), 'hex')
