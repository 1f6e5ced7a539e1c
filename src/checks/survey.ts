import type { RejectCode } from '../value.ts'

/** Every key's fate, exactly one each. The same words in every report, and they add up. */
export const FATES = [
  'migrated',
  'partial',
  'quarantined',
  'expired',
  'index',
  'ephemeral',
  'ignored',
  'uncovered',
] as const
export type Fate = (typeof FATES)[number]
export type Fates = Readonly<Record<Fate, number>>

/** One pass over a source: what became of every key, and, for the plans that were asked about, how the rows they give compare with their tables. */
export interface Survey {
  readonly source: string
  /** Distinct keys seen. */
  readonly keys: number
  /** Of all keys of the source. Keys of plans that were not asked about count as migrated by them. */
  readonly fates: Fates
  /** Uncovered keys by a pattern guessed from their shape, most first. */
  readonly uncovered: readonly { readonly pattern: string; readonly keys: number; readonly sample: string }[]
  readonly plans: ReadonlyMap<string, PlanSurvey>
}

export interface PlanSurvey {
  readonly plan: string
  /** Of the keys that this plan's rules have. */
  readonly fates: Fates
  readonly mappings: readonly MappingSurvey[]
  readonly tables: readonly TableSurvey[]
}

export interface MappingSurvey {
  readonly mapping: string
  readonly match: string
  readonly keys: number
  readonly records: number
  /** Records left out by `where`. */
  readonly filtered: number
  /** Keys of this mapping that expire some day. */
  readonly expiring: number
  readonly rejects: readonly {
    readonly code: RejectCode
    readonly column?: string
    readonly records: number
    readonly sample: string
  }[]
  /** Record fields that no column takes, with how often they were seen. `$expires_at`: an expiry that no column takes. */
  readonly unmapped: readonly { readonly field: string; readonly records: number; readonly sample: string }[]
}

/** One table, both ways (the words of Vitess's vdiff). Without a comparison (`plan --live`) only `expected` is known. */
export interface TableSurvey {
  readonly table: string
  readonly compared: boolean
  /** Distinct rows that the source gives. */
  readonly expected: number
  /** Rows there that are ours. */
  readonly actual: number
  readonly matching: number
  readonly missing: Differences
  readonly different: Differences
  readonly extra: Differences
}

export interface Differences {
  readonly count: number
  /** Up to ten source keys (with the part of the entry, where it is one of many). */
  readonly samples: readonly string[]
}

/** A comparison of some of a plan's keys with its tables. It cannot see extra rows: those have no key to be picked by. */
export interface SampleSurvey {
  /** Records that the plan's mappings make rows of. */
  readonly records: number
  /** How many of them were compared. */
  readonly sampled: number
  readonly missing: Differences
  readonly different: Differences
}
