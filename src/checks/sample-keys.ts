import { createHash } from 'node:crypto'

/**
 * Does a share (0 to 1) of all keys, picked by their hashes, hold this key? The same answer for the same key every time, and a larger
 * share holds every smaller one.
 */
export const inSample = (key: Buffer, share: number): boolean =>
  createHash('sha256').update(key).digest().readUIntBE(0, 6) < share * 2 ** 48

/** The chance that a look at `sampled` of `keys` finds none of `bad` bad ones: hypergeometric, 0 to 1. */
export function chanceToMiss({ keys, sampled, bad }: { keys: number; sampled: number; bad: number }): number {
  let chance = 1
  for (let found = 0; found < bad; found++) {
    chance *= Math.max(0, (keys - sampled - found) / (keys - found))
  }
  return chance
}
