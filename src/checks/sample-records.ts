import { createHash } from 'node:crypto'

/**
 * Does a share (0 to 1) of all records, picked by the hashes of their key and part, hold this one? The same answer for the same record every time, and a larger
 * share holds every smaller one.
 */
export const inSample = (key: Buffer, part: string, share: number): boolean =>
  createHash('sha256').update(key).update('\0').update(part).digest().readUIntBE(0, 6) < share * 2 ** 48

/** The chance that a look at `sampled` of `records` finds none of `bad` bad ones: hypergeometric, 0 to 1. */
export function chanceToMiss({
  records,
  sampled,
  bad,
}: {
  records: number
  sampled: number
  bad: number
}): number {
  let chance = 1
  for (let found = 0; found < bad; found++) {
    chance *= Math.max(0, (records - sampled - found) / (records - found))
  }
  return chance
}
