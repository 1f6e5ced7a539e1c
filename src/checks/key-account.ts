import type { Entry } from '../sources/source.ts'
import type { Fate } from './survey.ts'

/** What is known of a key until its fate is settled. */
export interface KeyAccount {
  key: Buffer
  plan: string | undefined
  fate: Fate
  rows: number
  rejects: number
  /** Of its rows, those that turned out to be in the quarantine. */
  quarantined: number
  /** Does a row of it wait to be compared? */
  isCompared: boolean
}

/** Of an entry whose records are about to be made. */
export const newAccount = ({ key, more }: Entry): KeyAccount => ({
  key: more ? Buffer.from(key) : key,
  plan: undefined,
  fate: 'uncovered',
  rows: 0,
  rejects: 0,
  quarantined: 0,
  isCompared: false,
})

/** What becomes of it, with so many of its rows in the quarantine. */
export function fateOf({ fate, rows, rejects }: KeyAccount, quarantined: number): Fate {
  if (fate !== 'migrated' || rejects + quarantined === 0) return fate
  return rows - quarantined > 0 ? 'partial' : 'quarantined'
}
