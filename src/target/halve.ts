import { DatabaseError } from './error.ts'
import { inSavepoint } from './savepoint.ts'
import type { Transaction } from './target.ts'

/** What can be done with items of which the server refuses some. */
export interface Halving<T> {
  /** All of them at once. */
  work(items: readonly T[]): Promise<void>
  /** Is told of an item that the server refuses by itself. */
  refuse(item: T, error: Refused): void
  /** May find out which items are at fault, or mend what is, before anything is halved: it is tried again without those it gives. */
  look?(items: readonly T[], error: DatabaseError): Promise<ReadonlySet<T> | undefined>
  /** One by one, where few are left: gives those that were refused. */
  each?(items: readonly T[]): Promise<ReadonlyMap<T, Refused>>
}

/** What the server says about an item it refuses. */
export interface Refused {
  readonly sqlState: string | undefined
  readonly column: string | undefined
  readonly constraint: string | undefined
}

/** Foreign keys and unique constraints. */
const isAboutOthers = ({ sqlState }: Refused): boolean => sqlState === '23503' || sqlState === '23505'

/** Items that are done one by one rather than halved further. */
const FEW = 200

/**
 * Does work for all items at once. What the server refuses for the sake of single rows is halved until those at fault stand alone. Gives
 * the items that were done.
 */
export async function halve<T>(
  tx: Transaction,
  items: readonly T[],
  halving: Halving<T>,
): Promise<readonly T[]> {
  if (items.length === 0) return []
  try {
    await inSavepoint(tx, () => halving.work(items))
    return items
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.class !== 'quarantine') throw error
    const atFault = await halving.look?.(items, error)
    if (atFault) {
      const others = items.filter((it) => !atFault.has(it))
      return halve(tx, others, halving)
    }
    if (items.length === 1) {
      halving.refuse(items[0]!, error)
      return []
    }
    if (halving.each && items.length <= FEW) {
      const refused = await halving.each(items)
      const others = items.filter((it) => refused.has(it) && isAboutOthers(refused.get(it)!))
      // Seen together, without those that are at fault by themselves, there may be a way.
      const together = others.length < items.length ? others : []
      for (const [item, why] of refused) if (!together.includes(item)) halving.refuse(item, why)
      return [...items.filter((it) => !refused.has(it)), ...(await halve(tx, together, halving))]
    }
    const half = items.length >> 1
    return [
      ...(await halve(tx, items.slice(0, half), halving)),
      ...(await halve(tx, items.slice(half), halving)),
    ]
  }
}
