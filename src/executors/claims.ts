import { claim } from '../state/touches.ts'
import type { Transaction } from '../target/target.ts'
import type { Batch } from './batch.ts'

/**
 * Leaves in a batch what a copy may write of it. In phase A that is everything: nobody else writes to Postgres. From B on instances of the
 * application do, so each record is claimed first; those that a live write has touched, be it a delete, are newer than what was read, and
 * stay as they are. `live` counts them.
 */
export async function claimBatch(
  tx: Transaction,
  batch: Batch,
): Promise<{ readonly batch: Batch; readonly live: number; readonly dualWritten: boolean }> {
  const { plan } = batch.compiled
  const [route] = await tx.query('SELECT phase FROM kvmig.route WHERE plan = $1', [plan])
  if (!route || route.phase === 'A') return { batch, live: 0, dualWritten: false }
  const places = batch.rows.map((_, index) => ({ key: batch.keys[index]!, part: batch.parts[index]!() }))
  const claimed = places.length === 0 ? [] : await claim(tx, plan, places)
  const kept = batch.only((index) => claimed[index]!)
  return { batch: kept, live: batch.rows.length - kept.rows.length, dualWritten: true }
}
