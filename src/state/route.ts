import { KvmigError } from '../errors.ts'
import type { Phase } from '../plan/plan.ts'
import type { Target, Transaction } from '../target/target.ts'
import { isoTime } from './iso-time.ts'
import type { Route } from './ledger.ts'
import { readLedger } from './schema.ts'

/** The channel on which a change of any route is announced; the payload is the plan's name. */
export const ROUTE_CHANNEL = 'kvmig_route'

/** A change of route that somebody else made first. */
export class RouteError extends KvmigError {}

/**
 * Changes the route of a plan and gives the new one. `from` is the epoch that the caller decided upon: if the route has another one by
 * now, nothing is changed and RouteError ROUTE_CHANGED is thrown. The same phase and rollout again is no change. Waits for writes that are
 * under way; those that begin afterwards carry the new epoch or are refused. Instances hear of it by LISTEN, or at their next look.
 */
export async function flipRoute(
  tx: Transaction,
  plan: string,
  { phase, rollout, from }: { readonly phase: Phase; readonly rollout: boolean; readonly from: number },
): Promise<Route> {
  // Exclusive to the shared lock of kvmig.fence: ends with the transaction, as poolers want it.
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('kvmig.route ' || $1, 0))`, [plan])
  const [row] = await tx.query(
    `UPDATE kvmig.route SET phase = $2, rollout = $3,
        epoch = CASE WHEN (phase, rollout) = ($2, $3) THEN epoch ELSE epoch + 1 END,
        since = CASE WHEN (phase, rollout) = ($2, $3) THEN since ELSE clock_timestamp() END
      WHERE plan = $1 AND epoch = $4
      RETURNING phase, epoch, since, rollout`,
    [plan, phase, rollout, from],
  )
  if (!row) {
    throw new RouteError('ROUTE_CHANGED', `The route of ${plan} is not at epoch ${from} any more.`, {
      hint: 'Somebody else changed it meanwhile: look with kvmig status, then decide again.',
    })
  }
  await tx.query('SELECT pg_notify($1, $2)', [ROUTE_CHANNEL, plan])
  return readRoute(row)
}

/** The routes as they are, by plan; none before the ledger is installed. */
export const readRoutes = (target: Target): Promise<ReadonlyMap<string, Route>> =>
  readLedger(
    target,
    async (tx) => {
      const rows = await tx.query('SELECT plan, phase, epoch, since, rollout FROM kvmig.route ORDER BY plan')
      return new Map(rows.map((row) => [row.plan!, readRoute(row)]))
    },
    new Map<string, Route>(),
  )

/** A row of kvmig.route. */
export const readRoute = (row: Readonly<Record<string, string | null>>): Route => ({
  phase: row.phase as Phase,
  epoch: Number(row.epoch),
  since: isoTime(row.since!),
  rollout: row.rollout === 't',
})

/**
 * Holds a plan's epoch until the transaction ends: false if it is another one. What a claim or a repair of a dual-written plan asks first;
 * the write of an instance asks in the same statement (`advance`).
 */
export async function holdEpoch(tx: Transaction, plan: string, epoch: number): Promise<boolean> {
  const [row] = await tx.query('SELECT kvmig.fence($1, $2) AS ok', [plan, epoch])
  return row!.ok === 't'
}
