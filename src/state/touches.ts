import { createHash } from 'node:crypto'
import { TargetError } from '../errors.ts'
import { byteaArray, textArray } from '../target/parameters.ts'
import type { Statement, Transaction } from '../target/target.ts'

/** A record of the source: its key, and its part of the entry ('' for the whole). What versions, tombstones and claims are about. */
export interface Place {
  readonly key: Buffer
  readonly part: string
}

/**
 * What is known of a record since dual-write began. `live`: the application wrote it, `version` times. `copy`: a pass claimed it, and
 * nobody wrote it since. `deleted`: a tombstone; there is no row, and nothing but a live write makes one again.
 */
export interface Touch extends Place {
  readonly version: number
  readonly origin: 'live' | 'copy'
  readonly deleted: boolean
}

/** One record's change on its way to both sides. */
export interface Advance extends Place {
  readonly deleted: boolean
  /** What the outbox carries to the source (`encodeChange`); absent where the source is not written any more. */
  readonly change?: Buffer
}

/** What `advance` did: the new version of each record, in the order they were given, and the transaction's id, for `outcomeOf`. */
export interface Advanced {
  readonly versions: readonly number[]
  readonly transaction: string
}

/** Stands for a place in the ledger's indexes: 16 bytes of a SHA-256. */
export const unitOf = ({ key, part }: Place): Buffer =>
  createHash('sha256').update(`${key.length} `).update(key).update(part).digest().subarray(0, 16)

/** Whose write it is, and by which route. */
export interface Advancing {
  readonly plan: string
  readonly epoch: number
  /** Whom a history of changes names. Default: nobody, and then it names the role. */
  readonly who?: string
  /** Say on RECORD_CHANNEL which records these are: instances keep copies of them. Default: no. */
  readonly told?: boolean
}

/** The channel on which changed records are told; the payload is the plan, a space, and the unit in hexadecimal digits. */
export const RECORD_CHANNEL = 'kvmig_record'

/**
 * The first half of a live write, in one statement: asks whether `epoch` is still the plan's, raises the version of every record, and
 * puts its change into the outbox. Throws what `isFenced` knows where the epoch is over: nothing was done, nor can be in this transaction.
 * The records stay locked until the transaction ends, so that rows written after it in the same transaction have the order of the
 * versions. A place given twice is an error of the caller.
 */
export async function advance(
  tx: Transaction,
  route: Advancing,
  places: readonly Advance[],
): Promise<Advanced> {
  const { sql, parameters } = advanceStatement(route, places)
  return advancedOf(await tx.query(sql, parameters), places)
}

/** Is this what `advance` throws where the epoch is over? */
export const isFenced = (error: unknown): boolean =>
  error instanceof TargetError && error.sqlState === 'KV001'

/** The statement of `advance`, for whoever sends more together with it; `advancedOf` reads its rows. */
export function advanceStatement(
  { plan, epoch, who = '', told = false }: Advancing,
  places: readonly Advance[],
): Statement {
  const units = places.map(unitOf)
  return {
    sql: `SELECT unit, version, pg_current_xact_id() AS transaction
      FROM kvmig.advance($1, $2, $3, $4, $5, $6::text[]::boolean[], $7, $8, $9)`,
    parameters: [
      plan,
      epoch,
      byteaArray(units),
      byteaArray(places.map((it) => it.key)),
      byteaArray(places.map((it) => Buffer.from(it.part))),
      textArray(places.map((it) => String(it.deleted))),
      byteaArray(places.map((it) => it.change ?? null)),
      who,
      String(told),
    ],
  }
}

/** What the rows of `advanceStatement` say. */
export function advancedOf(
  rows: readonly Readonly<Record<string, string | null>>[],
  places: readonly Place[],
): Advanced {
  const versions = new Map(rows.map((it) => [it.unit, Number(it.version)]))
  return {
    versions: places.map((it) => versions.get(`\\x${unitOf(it).toString('hex')}`)!),
    transaction: rows[0]!.transaction!,
  }
}

/**
 * Completes a write whose content depends on what was there: `advance` first, without changes, which locks the records; then look; then
 * this, with what each becomes and its version, in the same transaction.
 */
export async function amend(
  tx: Transaction,
  plan: string,
  places: readonly (Advance & { readonly version: number })[],
): Promise<void> {
  await tx.query(
    `WITH given AS (
        SELECT unit, key, part, deleted, change, version::bigint
        FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::text[]::boolean[], $6::bytea[], $7::text[]) AS u(unit, key, part, deleted, change, version)
      ), marked AS (
        UPDATE kvmig.touch t SET deleted = g.deleted FROM given g WHERE t.plan = $1 AND t.unit = g.unit AND g.deleted
      )
      INSERT INTO kvmig.outbox (plan, unit, version, key, part, change)
        SELECT $1, unit, version, key, part, change FROM given WHERE change IS NOT NULL`,
    [
      plan,
      byteaArray(places.map(unitOf)),
      byteaArray(places.map((it) => it.key)),
      byteaArray(places.map((it) => Buffer.from(it.part))),
      textArray(places.map((it) => String(it.deleted))),
      byteaArray(places.map((it) => it.change ?? null)),
      textArray(places.map((it) => String(it.version))),
    ],
  )
}

/**
 * What became of a transaction whose COMMIT was not answered, by its id. `open`: the server has not noticed yet that its client is gone.
 */
export async function outcomeOf(
  tx: Transaction,
  transaction: string,
): Promise<'committed' | 'aborted' | 'open'> {
  const [row] = await tx.query('SELECT pg_xact_status($1::text::xid8) AS status', [transaction])
  if (row!.status === 'in progress') return 'open'
  return row!.status === 'committed' ? 'committed' : 'aborted'
}

/**
 * Claims records for a pass (backfill while dual-write lasts, catch-up, read-through): true for those that no live write has touched, by
 * place in the list; only their rows may be written or deleted in this transaction. `deleted` leaves a tombstone that the next claim may
 * take back. A live write that comes later waits for the transaction, and wins; one that came before has won.
 */
export async function claim(
  tx: Transaction,
  plan: string,
  places: readonly Place[],
  { deleted = false }: { readonly deleted?: boolean } = {},
): Promise<readonly boolean[]> {
  const units = places.map(unitOf)
  const rows = await tx.query(
    `INSERT INTO kvmig.touch AS t (plan, unit, key, part, version, origin, deleted)
        SELECT DISTINCT ON (unit) $1, unit, key, part, 0, 'copy', $5::boolean
        FROM unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS u(unit, key, part) ORDER BY unit
      ON CONFLICT (plan, unit) DO UPDATE SET deleted = excluded.deleted, at = clock_timestamp() WHERE t.origin = 'copy'
      RETURNING unit`,
    [
      plan,
      byteaArray(units),
      byteaArray(places.map((it) => it.key)),
      byteaArray(places.map((it) => Buffer.from(it.part))),
      String(deleted),
    ],
  )
  const claimed = new Set(rows.map((it) => it.unit))
  return units.map((it) => claimed.has(`\\x${it.toString('hex')}`))
}

/**
 * What is known of records; undefined where nothing is. With `lock`, nobody writes them until the transaction ends: for a repair, which
 * looks at both sides first. (A record that nobody has touched cannot be locked: claim it.)
 */
export async function findTouches(
  tx: Transaction,
  plan: string,
  places: readonly Place[],
  { lock = false }: { readonly lock?: boolean } = {},
): Promise<readonly (Touch | undefined)[]> {
  const units = places.map(unitOf)
  const rows = await tx.query(
    `SELECT unit, version, origin, deleted FROM kvmig.touch WHERE plan = $1 AND unit = ANY ($2::bytea[])
      ORDER BY unit${lock ? ' FOR UPDATE' : ''}`,
    [plan, byteaArray(units)],
  )
  const found = new Map(rows.map((it) => [it.unit, it]))
  return units.map((unit, index) => {
    const row = found.get(`\\x${unit.toString('hex')}`)
    if (!row) return undefined
    const { key, part } = places[index]!
    return {
      key,
      part,
      version: Number(row.version),
      origin: row.origin as Touch['origin'],
      deleted: row.deleted === 't',
    }
  })
}

/** Where records stand, by unit in hexadecimal digits: their versions, and when something was last said of them. One left out: never. */
export async function touchStamps(
  tx: Transaction,
  plan: string,
  units: readonly string[],
): Promise<ReadonlyMap<string, { readonly version: number; readonly at: string }>> {
  const rows = await tx.query(
    `SELECT encode(unit, 'hex') AS unit, version, at FROM kvmig.touch WHERE plan = $1 AND unit = ANY ($2::bytea[])`,
    [plan, byteaArray(units.map((it) => Buffer.from(it, 'hex')))],
  )
  return new Map(rows.map((it) => [it.unit!, { version: Number(it.version), at: it.at! }]))
}

/**
 * Hands every record of a plan back to the copy, versions kept: after a rollback to A, when the source is written alone again, the next
 * catch-up may overwrite what was dual-written before.
 */
export async function releaseTouches(tx: Transaction, plan: string): Promise<void> {
  await tx.query(`UPDATE kvmig.touch SET origin = 'copy' WHERE plan = $1 AND origin = 'live'`, [plan])
}

/** Says of records that a repair settled whether they are there: their tombstones, versions kept. For records whose locks are held. */
export async function settleTouches(
  tx: Transaction,
  plan: string,
  places: readonly Place[],
  deleted: boolean,
): Promise<void> {
  if (places.length === 0) return
  await tx.query(
    `UPDATE kvmig.touch SET deleted = $3::boolean, at = clock_timestamp() WHERE plan = $1 AND unit = ANY ($2::bytea[])`,
    [plan, byteaArray(places.map(unitOf)), String(deleted)],
  )
}

/** Records of a plan that the application has deleted since a moment (an ISO time), and that are still deleted. */
export async function deletedSince(tx: Transaction, plan: string, since: string): Promise<readonly Place[]> {
  const rows = await tx.query(
    'SELECT key, part FROM kvmig.touch WHERE plan = $1 AND deleted AND at > $2::timestamptz',
    [plan, since],
  )
  return rows.map(({ key, part }) => ({
    key: Buffer.from(key!.slice(2), 'hex'),
    part: Buffer.from(part!.slice(2), 'hex').toString(),
  }))
}
