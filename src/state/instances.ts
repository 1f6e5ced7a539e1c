import type { Target } from '../target/target.ts'
import { isoTime } from './iso-time.ts'
import type { Route } from './ledger.ts'
import { readRoute } from './route.ts'
import { readLedger } from './schema.ts'

/** A process of the application that uses the runtime. */
export interface Instance {
  readonly id: string
  /** Of kvmig. */
  readonly version: string
  readonly host: string
  /** By plan: the epoch that it acts on. */
  readonly epochs: ReadonlyMap<string, number>
}

export interface SeenInstance extends Instance {
  readonly startedAt: string
  readonly seenAt: string
  /** Since its last heartbeat, by the database's clock. */
  readonly silentMillis: number
}

/** An instance says so often that it is alive. */
export const HEARTBEAT_MILLIS = 1000
/** One that was silent for so long counts as gone: what it may still try is fenced by its epoch, on both sides. */
const GONE_MILLIS = 15_000

/** Says that an instance is alive and which epochs it acts on, and gives the routes as they are: one statement. */
export async function heartbeat(
  target: Target,
  { id, version, host, epochs }: Instance,
): Promise<ReadonlyMap<string, Route>> {
  const rows = await target.transaction((tx) =>
    tx.query(
      `WITH seen AS (
        INSERT INTO kvmig.instance (id, version, host, epochs) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), epochs = excluded.epochs, version = excluded.version
      )
      SELECT plan, phase, epoch, since, rollout FROM kvmig.route`,
      [id, version, host, JSON.stringify(Object.fromEntries(epochs))],
    ),
  )
  return new Map(rows.map((row) => [row.plan!, readRoute(row)]))
}

/** An instance that ends says good-bye, so that nobody waits for it. */
export async function leave(target: Target, id: string): Promise<void> {
  await target.transaction((tx) => tx.query('DELETE FROM kvmig.instance WHERE id = $1', [id]))
}

/** The instances that were heard of within `withinMillis`, by id. */
export const fleet = (target: Target, withinMillis = GONE_MILLIS): Promise<readonly SeenInstance[]> =>
  readLedger(
    target,
    async (tx) => {
      const rows = await tx.query(
        `SELECT id, version, host, epochs, started_at, seen_at,
            (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::bigint AS silent
          FROM kvmig.instance WHERE seen_at > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY id`,
        [withinMillis],
      )
      return rows.map((row) => ({
        id: row.id!,
        version: row.version!,
        host: row.host!,
        epochs: new Map(Object.entries(JSON.parse(row.epochs!) as Record<string, number>)),
        startedAt: isoTime(row.started_at!),
        seenAt: isoTime(row.seen_at!),
        silentMillis: Number(row.silent),
      }))
    },
    [],
  )

/** Those that use a plan and have not confirmed its epoch: the laggards that a phase waits for. */
export const laggards = (
  instances: readonly SeenInstance[],
  plan: string,
  epoch: number,
): readonly SeenInstance[] => instances.filter(({ epochs }) => (epochs.get(plan) ?? epoch) < epoch)

/** Forgets instances that have been silent for longer than this. */
export async function forgetGone(target: Target, silentMillis: number): Promise<void> {
  await target.transaction((tx) =>
    tx.query(`DELETE FROM kvmig.instance WHERE seen_at < clock_timestamp() - $1 * interval '1 millisecond'`, [
      silentMillis,
    ]),
  )
}
