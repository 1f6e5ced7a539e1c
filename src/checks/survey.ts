import type { RejectCode } from '../value.ts'

/** Every key's fate, exactly one each (decisions of the house: these words, in every report). */
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

/** One full two-way comparison of a plan's part of the source with its tables, and the account of every key. */
export interface Survey {
  /** Keys of the whole source that this survey saw (distinct). */
  readonly keys: number
  readonly fates: Readonly<Record<Fate, number>>
  /** Uncovered keys by a pattern guessed from their shape, largest first. */
  readonly uncovered: readonly { readonly pattern: string; readonly keys: number; readonly sample: string }[]
  readonly mappings: readonly MappingSurvey[]
  readonly tables: readonly TableSurvey[]
}

export interface MappingSurvey {
  readonly mapping: string
  readonly keys: number
  readonly records: number
  /** Records left out by `where`. */
  readonly filtered: number
  readonly rejects: readonly {
    readonly code: RejectCode
    readonly records: number
    readonly sample: string
  }[]
  /** Record fields that no column takes, with how often they were seen. `$expires_at` stands for an expiry nobody takes. */
  readonly unmapped: readonly { readonly field: string; readonly records: number; readonly sample: string }[]
}

/** One table, both ways (the words of Vitess's vdiff). */
export interface TableSurvey {
  readonly table: string
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
  /** Up to ten: a source key, or for `extra` the row's key columns by name, digest in place of the value. */
  readonly samples: readonly string[]
}
