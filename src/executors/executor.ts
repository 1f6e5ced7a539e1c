import type { Finding } from '../checks/check.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { Project } from '../plan/plan.ts'
import type { GateStep, Step } from '../plan/step.ts'
import type { Source } from '../sources/source.ts'
import type { Lease, Ledger } from '../state/ledger.ts'
import type { Target, Transaction } from '../target/target.ts'

/** Knows one kind of step: what it does, in words; doing it; taking it back. Each may run twice. */
export interface Executor<S extends Step = Step> {
  readonly kind: S['kind']
  /** Pure; the whole of `kvmig plan`. */
  describe(step: S): Change
  run(step: S, context: Context): Promise<Outcome>
  /** Steps that are ready at the same time and give the same word are run by one call of `runTogether`. */
  together?(step: S): string
  runTogether?(steps: readonly S[], context: Context): Promise<ReadonlyMap<string, Outcome>>
  /**
   * Takes it back, in a transaction that takes back other steps too. Absent: nothing was added that has to go. `step` comes from the
   * ledger: its table, key and names are there, its expressions are not.
   */
  revert?(tx: Transaction, step: S, remembered: Remembered, context: Pick<Context, 'ledger'>): Promise<void>
}

/** What the ledger remembers about how a step was done, besides the step. */
export interface Remembered {
  /** Were origins kept for the table? */
  readonly tracked?: boolean
}

/** What a step would do, for people. */
export interface Change {
  /** `+` adds, `>` copies, `~` changes, `?` asks, `-` takes away. */
  readonly symbol: '+' | '>' | '~' | '?' | '-'
  /** `table`, `backfill` … */
  readonly verb: string
  readonly subject: string
  readonly detail: string
}

/** What running a step did. */
export type Outcome =
  | { readonly status: 'done'; readonly counts: Counts; readonly note?: string }
  | { readonly status: 'opened' | 'closed'; readonly findings: readonly Finding[] }
  | { readonly status: 'failed'; readonly error: Error; readonly counts?: Counts }

export type Counts = Readonly<Record<string, number>>

/** What an executor may use: the open stores of this run, and a way to tell how it is getting on. */
export interface Context {
  readonly project: Project
  readonly compiled: CompiledProject
  readonly target: Target
  readonly ledger: Ledger
  readonly lease: Lease
  readonly run: string
  readonly signal: AbortSignal
  /** Rows that are written in one transaction, about. */
  readonly batchRows: number
  /** Opens a source once. */
  source(name: string): Promise<Source>
  /** The checks of gates, asked in order; one survey of a source serves them all. */
  ask(gates: readonly GateStep[]): Promise<ReadonlyMap<string, readonly Finding[]>>
  fingerprint(step: Step): string
  /** Writes the step into the ledger, in the transaction that did it. */
  record(tx: Transaction, step: Step, outcome: Outcome): Promise<void>
  /** Throws PAUSED where somebody has paused one of these plans since the run began. */
  requireGoing(plans: readonly (string | undefined)[]): void
  /** `reached`: how much of the source lies behind it, 0 to 1. */
  progress(step: string, counts: Counts, reached?: number): void
}
