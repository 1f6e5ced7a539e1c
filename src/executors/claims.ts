import { partOfGrain } from '../mapping/grain.ts'
import { claim } from '../state/touches.ts'
import type { Statement, Transaction } from '../target/target.ts'
import type { Batch } from './batch.ts'

/** What a copy may write of a batch. */
export interface Claimed {
  isOurs(row: number): boolean
  /** Rows that a live write has touched. */
  readonly live: number
}

/** Tells the plans that are beyond phase A, as `plan`. */
export const LIVE_PLANS: Statement = {
  sql: `SELECT plan FROM kvmig.route WHERE phase <> 'A'`,
  parameters: [],
}

export const livePlansOf = (rows: Awaited<ReturnType<Transaction['query']>>): ReadonlySet<string> =>
  new Set(rows.map(({ plan }) => plan!))

/**
 * Claims the records of a batch; `live`: the plans that are beyond phase A. In phase A nobody else writes to Postgres, and there is nothing to claim: undefined. From B on instances of
 * the application do; those records that a live write has touched, be it a delete, are newer than what was read, and stay as they are.
 */
export async function claimBatch(
  tx: Transaction,
  batch: Batch,
  live: ReadonlySet<string>,
): Promise<Claimed | undefined> {
  const { plan } = batch.compiled
  if (!live.has(plan)) return undefined
  const places = Array.from({ length: batch.count }, (_, row) => ({
    key: batch.key(row),
    part: partOfGrain(batch.compiled.grain, batch.part(row)),
  }))
  const claimed = places.length === 0 ? [] : await claim(tx, plan, places)
  return { isOurs: (row) => claimed[row]!, live: claimed.filter((it) => !it).length }
}
