import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { OptionSchema } from '../plan/catalog.ts'
import type { Plan, Project } from '../plan/plan.ts'
import type { CounterPlace } from '../sources/read-counter.ts'
import type { Source } from '../sources/source.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Target } from '../target/target.ts'
import type { SampleSurvey, Survey } from './survey.ts'

/** Measures one thing about a plan and judges it. Can stand in any gate and any trigger. */
// biome-ignore lint/suspicious/noExplicitAny: each check narrows its own options, which the plan's schema has validated
export interface Check<O = any> {
  /** The word in the plan, the file, the report and the docs: `row_count`. */
  readonly name: string
  /** Stable, for searching: `KV301`. */
  readonly code: string
  /** One sentence for docs and the schema. */
  readonly summary: string
  readonly options: OptionSchema
  /** Asked in every gate B, whatever the plan lists. */
  readonly mandatory?: boolean
  /** The later gates in which it is asked whatever the plan lists. */
  readonly always?: readonly ('C' | 'D')[]
  run(scope: Scope, options: O): Promise<Finding>
}

/** What a check may look at. Made once a gate, so that checks share what is costly. */
export interface Scope {
  readonly project: Project
  readonly plan: Plan
  readonly compiled: CompiledProject
  readonly target: Target
  readonly ledger: Ledger
  readonly signal: AbortSignal
  /** Somebody wants to know how things are at this moment: a check that could wait for a better answer does not. */
  readonly isHurried?: boolean
  /** This machine's clock, milliseconds since 1970. Absent: it is read. Nothing is decided by it. */
  now?(): number
  /** A text of a plan with `${NAME}` replaced by environment variables, as in addresses. Absent: there are none. */
  resolve?(text: string): string
  /** What a counter of the plan's source stands at; undefined where there is none. */
  counter?(place: CounterPlace): Promise<bigint | undefined>
  /** One pass over the plan's source and its tables, made when first asked for. */
  survey(): Promise<Survey>
  /** The plan's source, open. Absent: it cannot be asked. */
  source?(): Promise<Source>
  /** Compares that share of the plan's keys (those `inSample` picks) with the tables. Absent: `sample` judges by the full comparison. */
  sample?(share: number): Promise<SampleSurvey>
}

/**
 * `fail`: the data disagree. `error`: could not measure. `unknown`: too little data. `pending`: only time or people are missing.
 * Only `pass` opens a gate.
 */
export type Status = 'pass' | 'fail' | 'error' | 'unknown' | 'pending'

export interface Finding {
  readonly check: string
  readonly code: string
  readonly status: Status
  /** One sentence: what was measured, with counts. */
  readonly measured: string
  readonly expected: string
  /** A few keys, columns or row keys; never values. */
  readonly samples: readonly string[]
  /** What to do, where it did not pass. */
  readonly hint?: string
  /** The same facts for machines. */
  readonly data?: Readonly<Record<string, unknown>>
}
