import { createHash } from 'node:crypto'
import { textArray } from '../target/parameters.ts'
import type { Transaction } from '../target/target.ts'

/**
 * Until the transaction ends nobody else holds these keys of a source this way: two writes that each depend on what the other changes come one
 * after the other. In one order for everybody; records are locked before, never after.
 */
export async function lockKeys(tx: Transaction, source: string, keys: readonly Buffer[]): Promise<void> {
  const locks = keys.map((key) =>
    createHash('sha256')
      .update(`kvmig.watch ${source.length} ${source}`)
      .update(key)
      .digest()
      .readBigInt64BE(0),
  )
  await tx.query(
    'SELECT pg_advisory_xact_lock(it) FROM (SELECT DISTINCT it FROM unnest($1::text[]::int8[]) AS u(it) ORDER BY it) AS locks',
    [textArray(locks.map(String))],
  )
}
