import type { Finding } from '../checks/check.ts'
import type { Fate, MappingSurvey, Survey, TableSurvey } from '../checks/survey.ts'
import type { Diagnostic, Position } from '../diagnostic.ts'
import type { Change, Counts } from '../executors/executor.ts'
import type { Phase } from '../plan/plan.ts'
import type { StepState } from '../plan/step-state.ts'
import type { StorageForecast } from '../runner/storage.ts'
import type { LeaseInfo } from '../state/ledger.ts'
import type { TargetPlace } from '../target/target.ts'
import type { RejectCode } from '../value.ts'

/**
 * The value a command ends with. Plain data, without values from a store: keys, columns and counts only. The voices (text, markdown, json,
 * github) turn it into output; nothing else prints results. Lists are shown in the order they have, so whoever makes a report sorts them.
 */
export type Report =
  | PlanReport
  | ApplyReport
  | CheckReport
  | StatusReport
  | DiffReport
  | TestReport
  | TraceReport
  | RebuildReport
  | PhaseReport

interface ReportBase {
  /** The project file, as the user named it. */
  readonly project: string
  readonly environment?: string
  /** The target, without credentials: an address as written, or an open target's label. */
  readonly target: string
}

/** `kvmig plan`: what would be done, and what it would meet. */
export interface PlanReport extends ReportBase {
  readonly kind: 'plan'
  /** What the plans share. */
  readonly shared: readonly PlannedStep[]
  readonly plans: readonly PlannedPlan[]
  /** What apply takes back, since the plans do not name it any more. */
  readonly removed: readonly Loss[]
  readonly diagnostics: readonly Diagnostic[]
  /** Absent: planned offline. */
  readonly live?: LiveSection
  /** The file that the plan was saved in. */
  readonly saved?: string
}

/** What a table loses when steps about it are taken back. */
export interface Loss {
  /** A table, or something else that goes. */
  readonly subject: string
  /** `the table goes, with 3 rows and 1 index`. */
  readonly loss: string
  /** Ids of the steps. */
  readonly steps: readonly string[]
}

export interface PlannedPlan {
  readonly plan: string
  readonly file: string
  /** Without credentials. */
  readonly source: string
  readonly wave: number
  /** Plans that brought this one along. */
  readonly neededBy: readonly string[]
  readonly steps: readonly PlannedStep[]
  /** Fields whose way back to the source loses something. */
  readonly oneWay: readonly { readonly table: string; readonly column: string; readonly why: string }[]
  /**
   * How far each mapping goes: `A`, `B` (unless the plan is changed), or all the way; and whether the source can be written again from its
   * rows.
   */
  readonly road: readonly {
    readonly mapping: string
    readonly match: string
    readonly to: 'A' | 'B' | 'D'
    readonly back: boolean
    /** What is in the way; empty where nothing is. */
    readonly why: string
  }[]
}

export interface PlannedStep {
  readonly id: string
  readonly phase: Phase
  readonly kind: string
  readonly change: Change
  readonly state: StepState['state']
  /** The step that makes this one necessary again. */
  readonly because?: string
}

/** What `plan --live` found out by reading the source and the target. */
export interface LiveSection {
  /** How the target is reached, and what follows. */
  readonly target: TargetPlace
  readonly sources: readonly LiveSource[]
  /** Extensions that the plans need or want, and whether the server has them. */
  readonly extensions: readonly {
    readonly name: string
    readonly state: 'installed' | 'available' | 'missing'
    readonly says: string
  }[]
  /** How the target differs from what the plan counts on. */
  readonly drift: readonly { readonly table: string; readonly message: string }[]
  /** Sources by whose clock something expires that is further from the target's than it should be. */
  readonly clocks: readonly { readonly source: string; readonly aheadMillis: number }[]
  readonly forecast?: Forecast
}

export interface LiveSource extends KeyAccount {
  readonly source: string
  /** Which rule takes how many keys, in the order of the rules. */
  readonly coverage: readonly {
    readonly plan?: string
    readonly match: string
    readonly fate: Fate
    readonly keys: number
  }[]
  readonly uncovered: Survey['uncovered']
  readonly mappings: readonly (MappingSurvey & { readonly plan: string })[]
}

/** Every key has exactly one fate, so the fates add up to the keys; a voice says so if they do not. */
export interface KeyAccount {
  readonly keys: number
  readonly fates: Readonly<Partial<Record<Fate, number>>>
}

export interface Forecast {
  readonly rows: number
  readonly bytes: number
  /** Commands to the sources. */
  readonly commands: number
  /** And to each further look at everything; absent where nobody counts them. */
  readonly further?: number
  /** The project's budget for them, of a run. */
  readonly budget?: number
  /** The project's budget of a calendar month, and what of it is used. */
  readonly month?: { readonly budget: number; readonly used: number }
  readonly seconds?: number
  /** Absent where the role may not ask how large the database is. */
  readonly storage?: StorageForecast
}

/** `kvmig apply`, `retry` and `rollback`: what was done. */
export interface ApplyReport extends ReportBase {
  readonly kind: 'apply'
  readonly command: string
  readonly phase: Phase
  readonly outcome: 'done' | 'closed' | 'failed' | 'paused' | 'interrupted'
  /** Plans that stayed where they are, and the paused plan that keeps them there: themselves, or one that they need. */
  readonly held?: readonly {
    readonly plan: string
    readonly by: string
    readonly at: string
    readonly because: string
  }[]
  readonly steps: readonly AppliedStep[]
  readonly gates: readonly GateResult[]
  readonly tables: readonly AppliedTable[]
  /** By source. */
  readonly accounts: readonly (KeyAccount & { readonly source: string })[]
  readonly quarantine: readonly QuarantineCount[]
  readonly millis: number
  /** Commands that show the rows. */
  readonly look: readonly string[]
}

export interface AppliedStep {
  readonly id: string
  readonly plan?: string
  readonly change: Change
  /** `kept`: it was done before. `stopped`: the run was told to stop before it began. `paused`: its plan was, meanwhile. */
  readonly status: 'done' | 'kept' | 'failed' | 'paused' | 'skipped' | 'stopped'
  readonly counts: Counts
  readonly note?: string
  /** Of a failed or paused step. */
  readonly error?: { readonly message: string; readonly hint?: string }
  /** Of a skipped step: the steps that failed. */
  readonly because?: readonly string[]
  readonly millis?: number
}

export interface AppliedTable {
  readonly table: string
  readonly plans: readonly string[]
  /** Rows that are in the table now, whoever wrote them; absent: the table is not there, or the role may not read it. */
  readonly rows?: number
  /** inserted, updated, unchanged, duplicate, rejected … */
  readonly counts: Counts
}

export interface QuarantineCount {
  readonly plan: string
  readonly mapping: string
  readonly code: RejectCode
  readonly open: number
  readonly accepted: number
  /** A key. */
  readonly sample?: string
}

export interface GateResult {
  readonly plan: string
  readonly file: string
  readonly opens: 'B' | 'C' | 'D'
  /** `skipped`: it was not asked, since something before it failed. */
  readonly status: 'open' | 'closed' | 'skipped'
  readonly findings: readonly Finding[]
}

/** `kvmig check`: the gates, asked and nothing else. */
export interface CheckReport extends ReportBase {
  readonly kind: 'check'
  readonly gates: readonly GateResult[]
}

/** `kvmig status`. */
export interface StatusReport extends ReportBase {
  readonly kind: 'status'
  /** Is there a ledger in the target? */
  readonly installed: boolean
  readonly plans: readonly PlanStatus[]
  readonly lease?: LeaseInfo
  readonly lastRun?: {
    readonly id: string
    readonly command: string
    readonly who: string
    readonly startedAt: string
    readonly outcome?: string
  }
}

export interface PlanStatus {
  readonly plan: string
  readonly file: string
  /** Absent: nothing was applied yet. */
  readonly phase?: Phase
  readonly epoch?: number
  readonly since?: string
  readonly steps: { readonly total: number; readonly done: number; readonly changed: number }
  /** The gate, as it was judged last. */
  readonly gate?: {
    readonly opens: 'B' | 'C' | 'D'
    readonly status: 'open' | 'closed'
    readonly at: string
    /** What its checks said then. */
    readonly findings: readonly Pick<Finding, 'check' | 'code' | 'status' | 'measured'>[]
  }
  readonly canAdvance: { readonly to: Phase; readonly yes: boolean; readonly reasons: readonly string[] }
  readonly quarantine: {
    readonly open: number
    readonly accepted: number
    /** What it was quarantined for, those with the most open records first. */
    readonly reasons: readonly QuarantineReason[]
  }
  /** Of a plan that has left phase A. */
  readonly later?: LaterStatus
}

/** Where a plan stands while both stores are written, and after. */
export interface LaterStatus {
  readonly to: Phase
  /** Why it cannot go there yet; none: it can. */
  readonly reasons: readonly string[]
  /** Live instances of the application that use the plan. */
  readonly instances: number
  /** Those that have not confirmed the route, by id. */
  readonly laggards: readonly string[]
  /** Changes on their way to the source. */
  readonly outbox: number
  /** How long it has been in its phase, by the clock of the database. */
  readonly soakMillis?: number
  readonly paused?: string
  /** The next moment at which something can happen, where a clock says so. */
  readonly nextAt?: string
}

/** Records that a plan has in quarantine for one reason. */
export type QuarantineReason = Omit<QuarantineCount, 'plan' | 'mapping'>

/** `kvmig diff`: source and target compared both ways. */
export interface DiffReport extends ReportBase {
  readonly kind: 'diff'
  /** What the comparison took, connecting left out. */
  readonly millis: number
  readonly plans: readonly (KeyAccount & {
    readonly plan: string
    readonly file: string
    readonly tables: readonly TableSurvey[]
  })[]
}

/** `kvmig test`: the plans' examples. */
export interface TestReport extends ReportBase {
  readonly kind: 'test'
  readonly examples: readonly TestedExample[]
}

export interface TestedExample {
  readonly plan: string
  readonly key: string
  readonly at: Position
  readonly status: 'pass' | 'fail' | 'error'
  /** Of an error, or of a failure that is about more than rows. */
  readonly message?: string
  readonly rows: readonly ComparedRow[]
  readonly rejects: {
    readonly expected: readonly string[]
    readonly actual: readonly string[]
    /** Of those that were not expected. */
    readonly reasons: readonly string[]
  }
  /** What does not fail it, and somebody may want to know: fields that no column takes, records that are left out. */
  readonly notes: readonly string[]
}

/** One row of an example: as expected and as made. An example is part of the plan, so its values may be shown. */
export interface ComparedRow {
  readonly table: string
  readonly status: 'same' | 'different' | 'missing' | 'extra'
  readonly columns: readonly ComparedColumn[]
}

export interface ComparedColumn {
  readonly column: string
  /** Absent where the example does not say. */
  readonly expected?: string
  readonly actual?: string
  readonly same: boolean
  /** Of a document that differs: where, by path. */
  readonly inside?: readonly { readonly path: string; readonly expected?: string; readonly actual?: string }[]
}

/** `kvmig trace KEY`: why there is this row, or none. */
export interface TraceReport extends ReportBase {
  readonly kind: 'trace'
  readonly source: string
  readonly key: string
  /** The entry, if the source has it. */
  readonly entry?: { readonly type: string; readonly bytes: number; readonly expiresAt?: string }
  readonly fate: Fate | 'absent'
  /** Each rule that was asked, in order, and what it answered. */
  readonly rules: readonly {
    readonly plan?: string
    readonly match: string
    readonly at: Position
    readonly claims: boolean
    readonly answer: string
  }[]
  readonly rows: readonly {
    readonly table: string
    readonly part: string
    /** `extra`: the key is gone from the source, and its row still stands. */
    readonly status: 'same' | 'different' | 'missing' | 'extra'
    /** Columns that differ. */
    readonly columns: readonly string[]
  }[]
  readonly rejects: readonly {
    readonly mapping: string
    readonly part: string
    readonly column?: string
    readonly code: RejectCode
    readonly message: string
    readonly accepted?: string
  }[]
}

/** `kvmig rebuild`: entries made again of rows, and written into a store. */
export interface RebuildReport extends ReportBase {
  readonly kind: 'rebuild'
  /** The store, without credentials. */
  readonly into: string
  readonly mappings: readonly {
    readonly plan: string
    readonly mapping: string
    readonly match: string
    readonly rows: number
    /** Keys that were written. */
    readonly keys: number
    /** Keys that were there already, and were left as they are. */
    readonly kept: number
    /** Rows of the table that did not come from this mapping, and made no entries. */
    readonly others: number
  }[]
  /** Mappings without a way back, and why. */
  readonly left: readonly {
    readonly plan: string
    readonly mapping: string
    readonly match: string
    readonly why: readonly string[]
  }[]
  /** Sent to the store. */
  readonly commands: number
}

/** What a command of the phases after A did, act by act: `apply --phase=B`, `rollback`, `drill`, `reconcile`, `watch`, `archive`, `restore`. */
export interface PhaseReport extends ReportBase {
  readonly kind: 'phase'
  /** As it was called: `apply --phase=B`. */
  readonly command: string
  /** `waiting`: only time or people are missing. `fired`: a trigger did. */
  readonly outcome: 'done' | 'waiting' | 'closed' | 'failed' | 'fired' | 'interrupted'
  readonly acts: readonly Act[]
  readonly gates: readonly GateResult[]
  readonly millis: number
  /** What to do next, as a sentence. */
  readonly next?: string
}

/** One thing that was done, or that something waits for. */
export interface Act {
  readonly plan: string
  readonly status: 'done' | 'kept' | 'waiting' | 'failed' | 'fired'
  /** One word: `route`, `fleet`, `catch-up`, `archive`. */
  readonly verb: string
  /** What it was about and what came of it; counts, keys and names only. */
  readonly detail: string
}
