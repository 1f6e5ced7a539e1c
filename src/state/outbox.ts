import { byteaArray, textArray } from '../target/parameters.ts'
import type { Target, Transaction } from '../target/target.ts'
import { type Place, unitOf } from './touches.ts'

/** A change of the source that was committed in Postgres and is not confirmed by the source yet. */
export interface OutboxEntry extends Place {
  readonly plan: string
  readonly version: number
  /** What `encodeChange` made. */
  readonly change: Buffer
  readonly attempts: number
}

export interface OutboxDepth {
  readonly plan: string
  readonly entries: number
  /** Age of the oldest, in milliseconds by the database's clock. */
  readonly oldestMillis: number
}

/**
 * Entries that are due, oldest first, and nobody else's for `leaseMillis`: whoever took them carries them to the source by
 * compare-and-set and then calls `settle`; if he dies, somebody takes them again, which does no harm. `olderMillis` leaves to the writers
 * what they have only just written.
 */
export async function takeOutbox(
  target: Target,
  options: {
    readonly plan?: string
    readonly limit: number
    readonly olderMillis?: number
    readonly leaseMillis?: number
    /** Only what was there at that moment: a time of `databaseTime`. */
    readonly until?: string
  },
): Promise<readonly OutboxEntry[]> {
  const { plan, limit, olderMillis = 0, leaseMillis = 5000, until } = options
  return target.transaction(async (tx) => {
    const rows = await tx.query(
      `UPDATE kvmig.outbox o SET attempts = attempts + 1, tried_at = clock_timestamp()
        FROM (
          SELECT plan, unit, version FROM kvmig.outbox
          WHERE plan = coalesce($1, plan) AND at <= clock_timestamp() - $3 * interval '1 millisecond'
            AND (tried_at IS NULL OR tried_at <= clock_timestamp() - $4 * interval '1 millisecond')
            AND ($5::timestamptz IS NULL OR at <= $5::timestamptz)
          ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
        ) due
        WHERE (o.plan, o.unit, o.version) = (due.plan, due.unit, due.version)
        RETURNING ${ENTRY}`,
      [plan ?? null, limit, olderMillis, leaseMillis, until ?? null],
    )
    return rows.map(readEntry).sort((a, b) => a.version - b.version)
  })
}

/** Gives entries back at once that whoever took them could not carry: somebody else may have better luck. */
export async function giveBack(target: Target, entries: readonly OutboxEntry[]): Promise<void> {
  await target.transaction((tx) =>
    tx.query(
      `UPDATE kvmig.outbox o SET tried_at = NULL FROM unnest($1::text[], $2::bytea[], $3::text::bigint[]) AS g(plan, unit, version)
        WHERE (o.plan, o.unit, o.version) = (g.plan, g.unit, g.version)`,
      [
        textArray(entries.map((it) => it.plan)),
        byteaArray(entries.map(unitOf)),
        `{${entries.map((it) => it.version).join(',')}}`,
      ],
    ),
  )
}

/** Entries of these records that are still waiting, by version: for whoever holds the records' locks. */
export async function pendingOf(
  tx: Transaction,
  plan: string,
  places: readonly Place[],
): Promise<readonly OutboxEntry[]> {
  const rows = await tx.query(
    `SELECT ${ENTRY} FROM kvmig.outbox o WHERE o.plan = $1 AND o.unit = ANY ($2::bytea[]) ORDER BY o.version`,
    [plan, byteaArray(places.map(unitOf))],
  )
  return rows.map(readEntry)
}

/** Parts of a key of which something is waiting. */
export async function pendingParts(tx: Transaction, plan: string, key: Buffer): Promise<readonly string[]> {
  const rows = await tx.query('SELECT DISTINCT part FROM kvmig.outbox WHERE plan = $1 AND key = $2', [
    plan,
    key,
  ])
  return rows.map((it) => bytesOf(it.part!).toString())
}

/** What is waiting of a key, all of its parts. */
export async function pendingOfKey(
  tx: Transaction,
  plan: string,
  key: Buffer,
): Promise<readonly OutboxEntry[]> {
  const rows = await tx.query(`SELECT ${ENTRY} FROM kvmig.outbox o WHERE o.plan = $1 AND o.key = $2`, [
    plan,
    key,
  ])
  return rows.map(readEntry)
}

/** Takes entries out that the source has confirmed, and with them older ones of the same records, which are void. */
export async function settle(
  tx: Transaction,
  plan: string,
  entries: readonly (Place & { readonly version: number })[],
): Promise<void> {
  if (entries.length === 0) return
  // Locked in one order: two that settle the same entries wait for each other, and never both.
  await tx.query(
    `DELETE FROM kvmig.outbox o USING (
        SELECT i.unit, i.version FROM kvmig.outbox i JOIN unnest($2::bytea[], $3::text::bigint[]) AS d(unit, version)
          ON i.plan = $1 AND i.unit = d.unit AND i.version <= d.version
        ORDER BY i.unit, i.version FOR UPDATE OF i
      ) due
      WHERE (o.plan, o.unit, o.version) = ($1, due.unit, due.version)`,
    [plan, byteaArray(entries.map(unitOf)), `{${entries.map((it) => it.version).join(',')}}`],
  )
}

/** What is waiting of one plan, of that what was there at `until` already (a time of `databaseTime`), and the age of its oldest. */
export async function waitingSince(
  tx: Transaction,
  plan: string,
  until: string,
): Promise<{ readonly entries: number; readonly older: number; readonly oldestMillis: number }> {
  const [row] = await tx.query(
    `SELECT count(*) AS entries, count(*) FILTER (WHERE at <= $2::timestamptz) AS older,
        coalesce((extract(epoch FROM clock_timestamp() - min(at)) * 1000)::bigint, 0) AS oldest
      FROM kvmig.outbox WHERE plan = $1`,
    [plan, until],
  )
  return { entries: Number(row!.entries), older: Number(row!.older), oldestMillis: Number(row!.oldest) }
}

/** The clock of the database, to the microsecond, in the form that the outbox is compared with. */
export async function databaseTime(tx: Transaction): Promise<string> {
  const [row] = await tx.query('SELECT clock_timestamp()::text AS now')
  return row!.now!
}

/** How much is waiting, by plan; a plan with nothing is left out. */
export async function outboxDepth(tx: Transaction): Promise<readonly OutboxDepth[]> {
  const rows = await tx.query(
    `SELECT plan, count(*) AS entries, (extract(epoch FROM clock_timestamp() - min(at)) * 1000)::bigint AS oldest
      FROM kvmig.outbox GROUP BY plan ORDER BY plan`,
  )
  return rows.map((it) => ({
    plan: it.plan!,
    entries: Number(it.entries),
    oldestMillis: Number(it.oldest),
  }))
}

const ENTRY = 'o.plan, o.key, o.part, o.version, o.change, o.attempts'

const readEntry = (row: Readonly<Record<string, string | null>>): OutboxEntry => ({
  plan: row.plan!,
  key: bytesOf(row.key!),
  part: bytesOf(row.part!).toString(),
  version: Number(row.version),
  change: bytesOf(row.change!),
  attempts: Number(row.attempts),
})

const bytesOf = (text: string): Buffer => Buffer.from(text.slice(2), 'hex')
