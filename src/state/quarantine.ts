import { createHash } from 'node:crypto'
import { tupleFields } from '../target/codec.ts'
import { byteaArray, textArray } from '../target/parameters.ts'
import type { Target } from '../target/target.ts'
import type { RejectCode } from '../value.ts'
import type { Quarantine, QuarantineRecord } from './ledger.ts'
import { readLedger } from './schema.ts'

/** Records that could not become rows, in table kvmig.quarantine. */
export function quarantine(target: Target): Quarantine {
  return {
    async add(tx, records) {
      const each = [...new Map(records.map((it) => [identity(it), it])).values()]
      if (each.length === 0) return
      const texts = (of: (it: QuarantineRecord) => string | undefined) =>
        textArray(each.map((it) => of(it) ?? null))
      // What was accepted stays accepted while it is rejected for the same reason with the same value.
      await tx.query(
        `INSERT INTO kvmig.quarantine AS q (plan, mapping, key_digest, part_digest, key, part, "column", code, message, bytes, digest)
          SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::text[], $8::text[],
            $9::text[], $10::text[]::bigint[], $11::text[])
          ON CONFLICT (plan, mapping, key_digest, part_digest) DO UPDATE SET "column" = excluded."column", code = excluded.code,
            message = excluded.message, bytes = excluded.bytes, digest = excluded.digest, last_at = now(), attempts = q.attempts + 1, doubtful = false,
            accepted = CASE WHEN q.code = excluded.code AND q.digest IS NOT DISTINCT FROM excluded.digest THEN q.accepted END`,
        [
          texts((it) => it.plan),
          texts((it) => it.mapping),
          byteaArray(each.map((it) => sha256(it.key))),
          byteaArray(each.map((it) => sha256(it.part))),
          byteaArray(each.map((it) => it.key)),
          byteaArray(each.map((it) => Buffer.from(it.part))),
          texts((it) => it.column),
          texts((it) => it.code),
          texts((it) => it.message),
          texts((it) => it.bytes?.toString()),
          texts((it) => it.digest),
        ],
      )
    },

    async doubt(tx, plan, mapping, keys) {
      await tx.query(
        `UPDATE kvmig.quarantine SET doubtful = true
          WHERE plan = $1 AND mapping = $2 AND ($3::bytea[] IS NULL OR key_digest = ANY ($3::bytea[]))`,
        [plan, mapping, keys && byteaArray(keys.map(sha256))],
      )
    },

    async release(tx, plan, mapping) {
      const [row] = await tx.query(
        `WITH released AS (DELETE FROM kvmig.quarantine WHERE plan = $1 AND mapping = $2 AND doubtful RETURNING 1)
          SELECT count(*) FROM released`,
        [plan, mapping],
      )
      return Number(row!.count)
    },

    async remove(tx, records) {
      if (records.length === 0) return
      await tx.query(
        `DELETE FROM kvmig.quarantine q USING unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) AS r(plan, mapping, key, part)
          WHERE (q.plan, q.mapping, q.key_digest, q.part_digest) = (r.plan, r.mapping, r.key, r.part)`,
        [
          textArray(records.map((it) => it.plan)),
          textArray(records.map((it) => it.mapping)),
          byteaArray(records.map((it) => sha256(it.key))),
          byteaArray(records.map((it) => sha256(it.part))),
        ],
      )
    },

    async clear(tx, plan, mapping) {
      await tx.query('DELETE FROM kvmig.quarantine WHERE plan = $1 AND mapping = coalesce($2, mapping)', [
        plan,
        mapping ?? null,
      ])
    },

    async find(tx, plan, keys) {
      const rows = await tx.query(
        `SELECT ${RECORD} FROM kvmig.quarantine WHERE plan = $1 AND key_digest = ANY ($2::bytea[])`,
        [plan, byteaArray(keys.map(sha256))],
      )
      return rows.map(readRecord)
    },

    keys: ({ plan, mapping, code }) =>
      readLedger(
        target,
        async (tx) => {
          const keys: Buffer[] = []
          const select = `SELECT DISTINCT ON (key_digest) key FROM kvmig.quarantine
            WHERE plan = $1 AND mapping = $2 AND code = coalesce($3, code) ORDER BY key_digest`
          for await (const tuples of tx.copyOut(select, [plan, mapping, code]))
            keys.push(...tuples.map((it) => tupleFields(it)[0]!))
          return keys
        },
        [],
      ),

    counts: () =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.query(
            `SELECT plan, mapping, code, count(*) FILTER (WHERE accepted IS NULL) AS open, count(accepted) AS accepted
              FROM kvmig.quarantine GROUP BY plan, mapping, code ORDER BY plan, mapping, code`,
          )
          return rows.map((row) => ({
            plan: row.plan!,
            mapping: row.mapping!,
            code: row.code as RejectCode,
            open: Number(row.open),
            accepted: Number(row.accepted),
          }))
        },
        [],
      ),

    list: ({ plan, mapping, key, limit = 100 }) =>
      readLedger(
        target,
        async (tx) => {
          const rows = await tx.query(
            `SELECT ${RECORD} FROM kvmig.quarantine
              WHERE plan = coalesce($1, plan) AND mapping = coalesce($2, mapping) AND ($3::bytea IS NULL OR key_digest = $3)
              ORDER BY plan, mapping, key, part LIMIT $4`,
            [plan, mapping, key && sha256(key), limit],
          )
          return rows.map(readRecord)
        },
        [],
      ),

    async accept(tx, { plan, code, key }, because) {
      const [row] = await tx.query(
        `WITH accepted AS (
          UPDATE kvmig.quarantine SET accepted = $4
          WHERE plan = $1 AND code = coalesce($2, code) AND ($3::bytea IS NULL OR key_digest = $3) AND accepted IS NULL RETURNING 1
        ) SELECT count(*) FROM accepted`,
        [plan, code, key && sha256(key), because],
      )
      return Number(row!.count)
    },
  }
}

const RECORD =
  'plan, mapping, key, part, "column", code, message, bytes, digest, accepted, attempts, doubtful'

const sha256 = (it: Buffer | string): Buffer => createHash('sha256').update(it).digest()

const identity = ({ plan, mapping, key, part }: QuarantineRecord): string =>
  JSON.stringify([plan, mapping, key.toString('latin1'), part])

function readRecord(row: Readonly<Record<string, string | null>>): QuarantineRecord {
  return {
    plan: row.plan!,
    mapping: row.mapping!,
    key: fromHex(row.key!),
    part: fromHex(row.part!).toString(),
    column: row.column ?? undefined,
    code: row.code as RejectCode,
    message: row.message!,
    bytes: row.bytes === null ? undefined : Number(row.bytes),
    digest: row.digest ?? undefined,
    attempts: Number(row.attempts),
    ...(row.accepted === null ? {} : { accepted: row.accepted! }),
    ...(row.doubtful === 't' ? { doubted: true } : {}),
  }
}

// Postgres writes bytea as \x and hexadecimal digits.
const fromHex = (text: string): Buffer => Buffer.from(text.slice(2), 'hex')
