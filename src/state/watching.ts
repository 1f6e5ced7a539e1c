import type { Target, Transaction } from '../target/target.ts'
import { isoTime } from './iso-time.ts'
import { readLedger } from './schema.ts'

/** What a trigger saw at one moment. */
export interface Seen {
  /** Milliseconds since 1970, by the clock of the database. */
  readonly at: number
  readonly status: 'pass' | 'fail' | 'missing'
}

/** Keeps what a trigger saw, and gives all it saw since `sinceMillis` ago, oldest first, with the time by the same clock. */
export async function observe(
  target: Target,
  plan: string,
  name: string,
  {
    status,
    measured,
    sinceMillis,
  }: { readonly status: Seen['status']; readonly measured: string; readonly sinceMillis: number },
): Promise<{ readonly seen: readonly Seen[]; readonly now: number }> {
  return target.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO kvmig.observation (plan, name, status, measured) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [plan, name, status, measured],
    )
    await tx.query(
      `DELETE FROM kvmig.observation WHERE plan = $1 AND name = $2 AND at < clock_timestamp() - $3 * interval '1 millisecond'`,
      [plan, name, sinceMillis],
    )
    const rows = await tx.query(
      `SELECT status, (extract(epoch FROM at) * 1000)::bigint AS at FROM kvmig.observation WHERE plan = $1 AND name = $2 ORDER BY at`,
      [plan, name],
    )
    const [clock] = await tx.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now')
    return {
      seen: rows.map((it) => ({ at: Number(it.at), status: it.status as Seen['status'] })),
      now: Number(clock!.now),
    }
  })
}

/** Forgets what the triggers of a plan saw: another phase has begun. */
export async function forgetSeen(tx: Transaction, plan: string): Promise<void> {
  for (const table of ['observation', 'told'])
    await tx.query(`DELETE FROM kvmig.${table} WHERE plan = $1`, [plan])
}

/** Remembers what is told of a trigger; true if that is news. */
export async function tell(target: Target, plan: string, name: string, state: string): Promise<boolean> {
  return target.transaction(async (tx) => {
    const rows = await tx.query(
      `INSERT INTO kvmig.told AS t (plan, name, state) VALUES ($1, $2, $3)
        ON CONFLICT (plan, name) DO UPDATE SET state = excluded.state, at = clock_timestamp() WHERE t.state <> excluded.state
        RETURNING 1`,
      [plan, name, state],
    )
    return rows.length > 0
  })
}

/** Says that the triggers of a plan were asked just now. */
export async function watched(target: Target, plan: string): Promise<void> {
  await target.transaction((tx) =>
    tx.query(
      `INSERT INTO kvmig.watch (plan) VALUES ($1) ON CONFLICT (plan) DO UPDATE SET at = clock_timestamp()`,
      [plan],
    ),
  )
}

/** How long ago the triggers of a plan were asked; undefined: never. */
export const watchedAgo = (target: Target, plan: string): Promise<number | undefined> =>
  readLedger(
    target,
    async (tx) => {
      const [row] = await tx.query(
        `SELECT (extract(epoch FROM clock_timestamp() - at) * 1000)::bigint AS ago FROM kvmig.watch WHERE plan = $1`,
        [plan],
      )
      return row && Number(row.ago)
    },
    undefined,
  )

/** Why a plan stays where it is until somebody resumes it. */
export interface Pause {
  readonly because: string
  readonly at: string
}

export async function pause(tx: Transaction, plan: string, because: string): Promise<void> {
  await tx.query(
    `INSERT INTO kvmig.pause (plan, because) VALUES ($1, $2)
      ON CONFLICT (plan) DO UPDATE SET because = excluded.because, at = clock_timestamp()`,
    [plan, because],
  )
}

/** True if it was paused. */
export async function resume(tx: Transaction, plan: string): Promise<boolean> {
  return (await tx.query('DELETE FROM kvmig.pause WHERE plan = $1 RETURNING 1', [plan])).length > 0
}

export const pauses = (target: Target): Promise<ReadonlyMap<string, Pause>> =>
  readLedger(
    target,
    async (tx) => {
      const rows = await tx.query('SELECT plan, because, at FROM kvmig.pause ORDER BY plan')
      return new Map(rows.map((it) => [it.plan!, { because: it.because!, at: isoTime(it.at!) }]))
    },
    new Map<string, Pause>(),
  )

export async function reportBug(
  tx: Transaction,
  plan: string,
  { severity, note }: { readonly severity: string; readonly note: string },
): Promise<void> {
  await tx.query('INSERT INTO kvmig.bug (plan, severity, note) VALUES ($1, $2, $3)', [plan, severity, note])
}

/** Bugs that were reported within the period, by severity. */
export const countBugs = (
  target: Target,
  plan: string,
  withinMillis: number,
): Promise<ReadonlyMap<string, number>> =>
  readLedger(
    target,
    async (tx) => {
      const rows = await tx.query(
        `SELECT severity, count(*) AS count FROM kvmig.bug
          WHERE plan = $1 AND at > clock_timestamp() - $2 * interval '1 millisecond' GROUP BY severity ORDER BY severity`,
        [plan, withinMillis],
      )
      return new Map(rows.map((it) => [it.severity!, Number(it.count)]))
    },
    new Map<string, number>(),
  )
