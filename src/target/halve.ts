import { DatabaseError } from './error.ts'
import { inSavepoint } from './savepoint.ts'
import type { Transaction } from './target.ts'

/**
 * Does work for all items at once. What the server refuses for the sake of single rows is halved until those at fault stand alone: they
 * go to `refuse`, the others are done, and are given. `look` may find out which items were at fault, or mend what was, before anything is
 * halved: it is tried again without those it gives.
 */
export async function halve<T>(
  tx: Transaction,
  items: readonly T[],
  work: (items: readonly T[]) => Promise<void>,
  refuse: (item: T, error: DatabaseError) => void,
  look?: (items: readonly T[], error: DatabaseError) => Promise<ReadonlySet<T> | undefined>,
): Promise<readonly T[]> {
  if (items.length === 0) return []
  try {
    await inSavepoint(tx, () => work(items))
    return items
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.class !== 'quarantine') throw error
    const atFault = await look?.(items, error)
    if (atFault) {
      const others = items.filter((it) => !atFault.has(it))
      return halve(tx, others, work, refuse, look)
    }
    if (items.length === 1) {
      refuse(items[0]!, error)
      return []
    }
    const half = items.length >> 1
    return [
      ...(await halve(tx, items.slice(0, half), work, refuse, look)),
      ...(await halve(tx, items.slice(half), work, refuse, look)),
    ]
  }
}
