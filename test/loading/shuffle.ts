/** Orders in which a source may give its entries: as they are, the other way round, and some in between; the same in every run. */
export function ordersOf<T>(items: readonly T[], count: number): T[][] {
  const orders = [[...items], [...items].reverse()]
  for (let seed = 1; orders.length < count; seed++) orders.push(shuffled(items, seed))
  return orders.slice(0, count)
}

export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = randomOf(seed)
  const all = [...items]
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[all[at], all[other]] = [all[other]!, all[at]!]
  }
  return all
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let it = Math.imul(state ^ (state >>> 15), 1 | state)
    it = (it + Math.imul(it ^ (it >>> 7), 61 | it)) ^ it
    return ((it ^ (it >>> 14)) >>> 0) / 4294967296
  }
}
