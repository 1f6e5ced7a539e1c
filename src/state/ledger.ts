import type { Phase } from '../plan/plan.ts'
import type { Cursor } from '../sources/source.ts'
import type { Statement, Transaction } from '../target/target.ts'
import type { RejectCode } from '../value.ts'

/**
 * What kvmig remembers, in schema `kvmig` of the target. Methods that take a transaction are part of it: progress is saved with the rows
 * it stands for, or not at all.
 */
export interface Ledger {
  /** Creates or upgrades schema `kvmig`. Refuses one that a newer kvmig wrote. */
  install(): Promise<void>
  /** Is the schema there? Everything that reads answers "nothing yet" when it is not. */
  installed(): Promise<boolean>
  /** Drops schema `kvmig`. */
  uninstall(): Promise<void>

  readonly lease: LeaseDesk

  /** Opens a line of the journal and gives its id. */
  beginRun(run: RunStart): Promise<string>
  finishRun(id: string, outcome: 'done' | 'failed' | 'interrupted' | 'closed', summary: Json): Promise<void>
  runs(limit: number): Promise<readonly RunRecord[]>

  steps(): Promise<ReadonlyMap<string, StepRecord>>
  saveStep(tx: Transaction, step: StepRecord): Promise<void>
  /** Also drops the progress of passes over these steps: what they had written by then is gone. */
  forgetSteps(tx: Transaction, ids: readonly string[]): Promise<void>

  /** Progress of one pass over a source, by the pass's own id (which changes when what it copies changes). */
  checkpoint(pass: string): Promise<Checkpoint | undefined>
  saveCheckpoint(tx: Transaction, pass: string, checkpoint: Checkpoint): Promise<void>
  dropCheckpoint(tx: Transaction, pass: string): Promise<void>
  /** Progress of every pass that one of these steps takes part in: they begin anew. */
  dropPasses(tx: Transaction, steps: readonly string[]): Promise<void>

  readonly quarantine: Quarantine
  readonly origins: Origins
  readonly spending: Spending

  /** Phase and epoch of each plan; a plan that was never applied has none. */
  routes(): Promise<ReadonlyMap<string, Route>>
  saveRoute(tx: Transaction, plan: string, phase: Phase): Promise<void>
  forgetRoute(tx: Transaction, plan: string): Promise<void>

  /** Findings of gates, newest first. */
  saveFindings(tx: Transaction, run: string, plan: string, gate: string, findings: Json): Promise<void>
  findings(
    plan: string,
  ): Promise<readonly { readonly gate: string; readonly at: string; readonly findings: Json }[]>

  /** Saved plans that were applied: each can be used once. */
  usePlan(tx: Transaction, digest: string): Promise<'used now' | 'used before'>
}

// biome-ignore lint/suspicious/noExplicitAny: JSON as the ledger stores it
export type Json = any

/** Source commands of each calendar month (UTC, by the database's clock), by everything that kvmig does with this target. */
export interface Spending {
  /** Of this month. */
  now(): Promise<Spent>
  /** Adds to this month, if that stays within the limit; `granted` says whether it did. Transactions of its own. */
  spend(commands: number, limit: number | undefined): Promise<Spent & { readonly granted: boolean }>
  /** Takes back what was added to a month and not sent. */
  giveBack(month: string, commands: number): Promise<void>
}

export interface Spent {
  /** `2026-11-01`. */
  readonly month: string
  readonly commands: number
}

/** One apply at a time: a row with an expiry and a fencing token. No session state, so that transaction poolers work. */
export interface LeaseDesk {
  /** Throws `LeaseError` (LEASE_HELD, exit 7) naming the holder, since when and until when. Renews itself until released. */
  acquire(holder: string): Promise<Lease>
  current(): Promise<LeaseInfo | undefined>
  /** Takes a lease away by its id. */
  unlock(id: string): Promise<boolean>
}

export interface Lease {
  readonly id: string
  /** Aborts when the lease was lost. */
  readonly signal: AbortSignal
  /**
   * Inside each transaction that writes: throws LEASE_LOST unless the lease is still ours (compared in the database, row locked). Gives the
   * rows of statements that are asked along with it.
   */
  fence(tx: Transaction, also?: readonly Statement[]): ReturnType<Transaction['queries']>
  release(): Promise<void>
}

export interface LeaseInfo {
  readonly id: string
  readonly holder: string
  readonly since: string
  readonly until: string
}

export interface RunStart {
  readonly command: string
  readonly phase: Phase | undefined
  readonly plans: readonly string[]
  readonly planHash: string
  readonly who: string
  readonly host: string
  readonly commit: string | undefined
  readonly version: string
}

export interface RunRecord extends RunStart {
  readonly id: string
  readonly startedAt: string
  readonly finishedAt: string | undefined
  readonly outcome: string | undefined
  readonly summary: Json
}

export interface StepRecord {
  readonly id: string
  readonly plan: string | undefined
  readonly phase: Phase
  readonly kind: string
  readonly fingerprint: string
  readonly state: 'running' | 'done' | 'failed'
  /** The step, as far as it is needed to name it and to take it back after the plan file has changed or gone. */
  readonly definition: Json
  readonly outcome: Json
  readonly at?: string
}

export interface Checkpoint {
  /** Of the source; a checkpoint of another one is worthless. */
  readonly identity: string
  /** Where the pass can go on; undefined: from the beginning. */
  readonly cursor: Cursor | undefined
  /** Counts up to there, by step. */
  readonly counts: Json
  /** How many batches were written: after a COMMIT whose answer was lost, this says whether it took place. */
  readonly batch: number
}

/** Records that could not become rows: key, part, column and reason; never the value. */
export interface Quarantine {
  /** One record a (plan, mapping, key, part): a second reject of the same replaces the reason and counts the attempt. */
  add(tx: Transaction, records: readonly QuarantineRecord[]): Promise<void>
  /**
   * Begins to doubt the records of a mapping, or those of some of its keys: they are about to be read again. Whatever is added again is
   * not doubted any more.
   */
  doubt(tx: Transaction, plan: string, mapping: string, keys?: readonly Buffer[]): Promise<void>
  /** Takes out what is still doubted: it became a row after all, or is not in the source any more. */
  release(tx: Transaction, plan: string, mapping: string): Promise<number>
  /** Takes out single records. */
  remove(
    tx: Transaction,
    records: readonly Pick<QuarantineRecord, 'plan' | 'mapping' | 'key' | 'part'>[],
  ): Promise<void>
  /** Of a plan, or of one of its mappings. */
  clear(tx: Transaction, plan: string, mapping?: string): Promise<void>
  /** The records of these keys. */
  find(tx: Transaction, plan: string, keys: readonly Buffer[]): Promise<readonly QuarantineRecord[]>
  /** The keys of a mapping's records, each once. */
  keys(filter: {
    readonly plan: string
    readonly mapping: string
    readonly code?: RejectCode
  }): Promise<readonly Buffer[]>
  counts(): Promise<
    readonly {
      readonly plan: string
      readonly mapping: string
      readonly code: RejectCode
      readonly open: number
      readonly accepted: number
    }[]
  >
  list(filter: {
    readonly plan?: string
    readonly mapping?: string
    readonly key?: Buffer
    /** Default 100. */
    readonly limit?: number
  }): Promise<readonly QuarantineRecord[]>
  accept(
    tx: Transaction,
    filter: { readonly plan: string; readonly code?: RejectCode; readonly key?: Buffer },
    because: string,
  ): Promise<number>
}

export interface QuarantineRecord {
  readonly plan: string
  readonly mapping: string
  readonly key: Buffer
  readonly part: string
  readonly column: string | undefined
  readonly code: RejectCode
  readonly message: string
  /** Bytes of the value, and the start of their SHA-256 (hex, 16 digits), so that a later look can tell whether it changed. */
  readonly bytes: number | undefined
  readonly digest: string | undefined
  readonly accepted?: string
  readonly attempts?: number
  /** It is being read again, and may be let go. */
  readonly doubted?: true
}

/**
 * Where rows came from, kept only where it cannot be computed: tables that hold other rows too, and mappings in which two records can
 * give the same row key. A row without an origin in such a table is not ours.
 */
export interface Origins {
  /** Saves origins of rows that have none, in bulk; a row that has one fails with a unique violation. */
  copy(tx: Transaction, table: string, origins: readonly Origin[]): Promise<void>
  save(tx: Transaction, table: string, origins: readonly Origin[]): Promise<void>
  find(tx: Transaction, table: string, rowKeys: readonly Buffer[]): Promise<readonly (Origin | undefined)[]>
  /** Rows that records of this source key have, in all its parts. */
  ofKey(tx: Transaction, table: string, key: Buffer): Promise<readonly Origin[]>
  /** Forgets rows, and the rivals for them. */
  remove(tx: Transaction, table: string, rowKeys: readonly Buffer[]): Promise<void>
  /** Rows that are still fought over, at most so many. */
  open(tx: Transaction, table: string, limit: number): Promise<readonly Origin[]>
  /** The tables that have such rows. */
  contested(): Promise<readonly string[]>
  /**
   * Forgets a writer, or all that is known of a table. Rows that other writers' records gave way to, or fought over with this one's, are
   * open again; with `merged`, so are those that its records were merged into.
   */
  clear(
    tx: Transaction,
    table: string,
    writer?: string,
    options?: { readonly merged: boolean },
  ): Promise<void>
  readonly rivals: Rivals
}

/** Records that give a row which another record has, be it because both are alike, by a policy, or because nobody chose yet. */
export interface Rivals {
  add(tx: Transaction, table: string, rivals: readonly Rival[]): Promise<void>
  remove(tx: Transaction, table: string, rivals: readonly Rival[]): Promise<void>
  /** Those for these rows. */
  of(tx: Transaction, table: string, rowKeys: readonly Buffer[]): Promise<readonly Rival[]>
  /** Rows that have any, in their order, after one of them: at most so many. */
  rows(tx: Transaction, table: string, after: Buffer, limit: number): Promise<readonly Buffer[]>
}

/** A record and the row that it gives. */
export interface Rival {
  /** `rowKey` of the row: 16 bytes. */
  readonly row: Buffer
  /** Which mapping of which plan made it: `writerName`. */
  readonly writer: string
  readonly key: Buffer
  readonly part: string
}

export interface Origin extends Rival {
  /**
   * `stands`: the row is in the table, and this record's. `open`: several records give it with different content, and it is yet to be
   * settled which of them has it. `contested`: settled; none of them has it, and all are in the quarantine.
   */
  readonly state: 'stands' | 'open' | 'contested'
  /** The row was there before the migration, and was updated because its mapping says so: it is never taken out. */
  readonly existed: boolean
}

export interface Route {
  readonly phase: Phase
  /** Counts the changes of a plan's route; never used twice. Every write carries it. */
  readonly epoch: number
  /** When it changed, by the database's clock. */
  readonly since: string
  /** May instances be alive that write the source only (the beginning of B)? Then a write fails when the source does, whatever the policy. */
  readonly rollout: boolean
}
