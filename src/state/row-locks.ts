import { createHash } from 'node:crypto'
import { textArray } from '../target/parameters.ts'
import type { Transaction } from '../target/target.ts'

/**
 * Until the transaction ends nobody else settles these rows, given by their row keys: for rows that several records may give, of which
 * each has a lock of its own. In one order, so that two who want the same do not wait for each other.
 */
export async function lockRows(
  tx: Transaction,
  /** As `showTable` writes it. */
  table: string,
  rowKeys: readonly Buffer[],
): Promise<void> {
  const locks = new Set(rowKeys.map((it) => bucketOf(table, it)))
  if (locks.size === 0) return
  await tx.query(
    'SELECT pg_advisory_xact_lock(k) FROM (SELECT k FROM unnest($1::text[]::bigint[]) AS u(k) ORDER BY k) AS it',
    [textArray([...locks].map(String))],
  )
}

/** Rows share locks: the server has room for some thousands, and a list may have more rows than that. */
const BUCKETS = 1024n

function bucketOf(table: string, rowKey: Buffer): bigint {
  const name = createHash('sha256').update(`${table} `).digest().readBigInt64BE(0)
  const row = createHash('sha256').update(`${table} `).update(rowKey).digest().readBigUInt64BE(0) % BUCKETS
  return BigInt.asIntN(64, (name & ~(BUCKETS - 1n)) | row)
}
