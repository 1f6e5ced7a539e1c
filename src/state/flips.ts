import type { Phase } from '../plan/plan.ts'
import type { Target, Transaction } from '../target/target.ts'
import type { Route } from './ledger.ts'
import { readLedger } from './schema.ts'

/** Why a route changed: a phase began, a rollback, a rehearsal of one, the end of the rollout window. */
export type Why = 'phase' | 'rollback' | 'drill' | 'catch-up'

/** Writes a change of route into the history, in the transaction that made it. */
export async function noteFlip(
  tx: Transaction,
  plan: string,
  { phase, epoch, rollout }: Omit<Route, 'since'>,
  why: Why,
): Promise<void> {
  await tx.query(
    `INSERT INTO kvmig.flip (plan, epoch, phase, rollout, why) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    [plan, epoch, phase, String(rollout), why],
  )
}

/** How long a plan has been in its phase. */
export interface Soak {
  readonly phase: Phase
  readonly millis: number
}

/**
 * By the clock of the database: since the change of route that brought the plan into its phase and, in B, since the catch-up ended the
 * rollout window. A rehearsal that came back does not set the clock back; a rollback does. Undefined before phase B.
 */
export const readSoak = (target: Target, plan: string): Promise<Soak | undefined> =>
  readLedger(
    target,
    async (tx) => {
      const [row] = await tx.query(
        `SELECT r.phase, (extract(epoch FROM clock_timestamp() - coalesce((
            SELECT f.at FROM kvmig.flip f WHERE f.plan = r.plan AND f.phase = r.phase AND NOT f.rollout AND f.why <> 'drill'
            ORDER BY f.epoch DESC LIMIT 1), r.since)) * 1000)::bigint AS millis
          FROM kvmig.route r WHERE r.plan = $1 AND r.phase <> 'A' AND NOT r.rollout`,
        [plan],
      )
      return row && { phase: row.phase as Phase, millis: Number(row.millis) }
    },
    undefined,
  )

/** Why the route of a plan is as it is; undefined where nobody knows. */
export const lastWhy = (target: Target, plan: string): Promise<Why | undefined> =>
  readLedger(
    target,
    async (tx) => {
      const [row] = await tx.query(
        'SELECT f.why FROM kvmig.flip f JOIN kvmig.route r USING (plan, epoch) WHERE plan = $1',
        [plan],
      )
      return row?.why as Why | undefined
    },
    undefined,
  )
