import { SourceError } from '../../errors.ts'
import { bySlot } from '../redis-cluster/slot.ts'
import { type Reading, readEntries, readTypes } from './reader.ts'
import type { Part, Store } from './store.ts'

/** Reads whole entries; at a node of a cluster slot by slot, all slots at once. A slot that is not here any more is told, and gives nothing. */
export async function readWhole(store: Store, keys: readonly Buffer[]): Promise<Reading> {
  const { cluster } = store
  if (!cluster) return readEntries(store, keys)
  const readings = await Promise.all(
    [...bySlot(keys)].map(async ([slot, group]) => {
      const reading = await unlessElsewhere(slot, cluster, () => readEntries(store, group))
      return { slot, ...(reading ?? { first: NOTHING }) }
    }),
  )
  const first = together(readings.map((it) => it.first))
  if (readings.every(({ rest }) => rest === undefined)) return { first }
  return { first, rest: remaining(readings, cluster) }
}

/** The same for keys of which only the type is wanted. */
export async function readBare(store: Store, keys: readonly Buffer[]): Promise<Part> {
  const { cluster } = store
  if (!cluster) return readTypes(store, keys)
  const parts = await Promise.all(
    [...bySlot(keys)].map(([slot, group]) => unlessElsewhere(slot, cluster, () => readTypes(store, group))),
  )
  return together(parts.map((it) => it ?? NOTHING))
}

const NOTHING: Part = { entries: [], expired: 0 }

type Cluster = NonNullable<Store['cluster']>

async function* remaining(
  readings: readonly (Reading & { readonly slot: number })[],
  cluster: Cluster,
): AsyncGenerator<Part> {
  for (const { slot, rest } of readings) {
    if (!rest) continue
    try {
      yield* rest
    } catch (error) {
      if (!isElsewhere(error)) throw error
      // A collection whose parts were given in part begins anew where it is now.
      cluster.moved(slot)
    }
  }
}

async function unlessElsewhere<T>(
  slot: number,
  cluster: Cluster,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!isElsewhere(error)) throw error
    cluster.moved(slot)
    return undefined
  }
}

// MOVED, ASK and TRYAGAIN: the slot is at another node, or on its way.
const isElsewhere = (error: unknown): boolean =>
  error instanceof SourceError && (error.code === 'SOURCE_CLUSTER' || error.code === 'SOURCE_BUSY')

const together = (parts: readonly Part[]): Part => ({
  entries: parts.flatMap(({ entries }) => entries),
  expired: parts.reduce((sum, { expired }) => sum + expired, 0),
})
