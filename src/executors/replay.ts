import type { BackfillStep } from '../plan/step.ts'
import { addCounts, type CopyCounts, noCounts } from './batch.ts'
import type { Context } from './executor.ts'
import { Pass } from './pass.ts'

/** Keys that are replayed by one pass. */
const KEYS = 5_000

/**
 * Copies only these keys of the source again, whatever was copied before: for records that were quarantined. What becomes a row leaves the
 * quarantine, what is not there any more does too. Steps are those of mappings that read the same entries: a document is copied whole or
 * not at all. Gives the counts of each, in their order.
 */
export async function replay(
  steps: readonly BackfillStep[],
  keys: readonly Buffer[],
  context: Context,
): Promise<readonly CopyCounts[]> {
  let sums = steps.map(noCounts)
  for (let from = 0; from < keys.length; from += KEYS) {
    const pass = await Pass.open(steps, context, keys.slice(from, from + KEYS))
    await pass.copy()
    await pass.settle()
    await pass.close()
    sums = sums.map((sum, index) => addCounts(sum, pass.copies[index]!.counts))
  }
  return sums
}

/** Gives orphans of a mapping another chance, until none of them finds its parent any more. */
export async function replayOrphans(step: BackfillStep, context: Context): Promise<CopyCounts> {
  const { plan, mapping } = step
  let sum = noCounts()
  for (;;) {
    const keys = await context.ledger.quarantine.keys({ plan, mapping: mapping.name, code: 'ORPHAN' })
    if (keys.length === 0) return sum
    const [counts] = (await replay([step], keys, context)) as [CopyCounts]
    sum = addCounts(sum, { ...counts, rejected: 0 })
    if (counts.inserted + counts.updated === 0) return sum
  }
}
