import type { CheckRequest, Mapping, Phase, Plan } from './plan.ts'
import type { Expiry, IndexDefinition, Partitions, Reference, TableDefinition, TableName } from './table.ts'

/**
 * One vertex of the compiled graph: a kind, a stable id, and the data needed to do it. An id reads `plan/phase/kind/name`
 * (`messages/A/backfill/messages`); what several plans share belongs to `project`.
 */
export type Step =
  | ExtensionStep
  | SchemaStep
  | TableStep
  | PartitionsStep
  | ViewStep
  | AuditStep
  | BackfillStep
  | IndexStep
  | ForeignKeyStep
  | ValidateStep
  | SequenceStep
  | SweepStep
  | AnalyzeStep
  | GateStep

export type StepKind = Step['kind']

interface StepBase {
  readonly id: string
  readonly phase: Phase
  /** The plan it belongs to; undefined for what all share. */
  readonly plan?: string
}

/** CREATE EXTENSION IF NOT EXISTS. */
export interface ExtensionStep extends StepBase {
  readonly kind: 'extension'
  readonly extension: string
  /** Used where the server has it, and done without where not. */
  readonly optional?: true
}

/** CREATE SCHEMA IF NOT EXISTS. */
export interface SchemaStep extends StepBase {
  readonly kind: 'schema'
  readonly schema: string
}

/** Creates a table of the plan with its primary key and unique constraints; for one that the application owns, proves that it is there as declared. */
export interface TableStep extends StepBase {
  readonly kind: 'table'
  readonly table: TableDefinition
}

/** Makes the partitions of a table that are missing, up to some periods ahead. */
export interface PartitionsStep extends StepBase, Omit<Partitions, 'from'> {
  readonly kind: 'partitions'
  readonly table: TableName
  readonly from?: string
  /** The column of time, of tables `with` something else than Postgres's own partitions. */
  readonly column?: string
}

/** CREATE VIEW of the rows that have not expired. */
export interface ViewStep extends StepBase {
  readonly kind: 'view'
  readonly table: TableName
  readonly view: string
  readonly column: string
  readonly sweep: Expiry['sweep']
}

/** A table of every change of another, filled by a trigger. */
export interface AuditStep extends StepBase {
  readonly kind: 'audit'
  readonly table: TableName
  readonly history: string
  readonly key: readonly string[]
}

/** A job of the database that deletes expired rows. */
export interface SweepStep extends StepBase {
  readonly kind: 'sweep'
  readonly table: TableName
  readonly column: string
}

/** Copies what one mapping makes of the source. */
export interface BackfillStep extends StepBase {
  readonly kind: 'backfill'
  readonly plan: string
  readonly source: string
  readonly mapping: Mapping
  readonly table: TableDefinition
  /** A hash of what else decides which records the mapping has (`besides`). */
  readonly beside: string
}

export interface IndexStep extends StepBase {
  readonly kind: 'index'
  readonly table: TableName
  readonly index: IndexDefinition
}

/** Quarantines orphans, then adds the foreign key NOT VALID. */
export interface ForeignKeyStep extends StepBase {
  readonly kind: 'foreign_key'
  readonly name: string
  readonly table: TableName
  readonly reference: Reference
}

/** VALIDATE CONSTRAINT. */
export interface ValidateStep extends StepBase {
  readonly kind: 'validate'
  readonly table: TableName
  readonly constraint: string
}

/** Moves the sequence behind a serial or identity column past the largest value that was copied. */
export interface SequenceStep extends StepBase {
  readonly kind: 'sequence'
  readonly table: TableName
  readonly column: string
  /** The key that the application counts with, where the plan names one. */
  readonly counter?: { readonly source: string; readonly key: string; readonly field?: string }
}

export interface AnalyzeStep extends StepBase {
  readonly kind: 'analyze'
  readonly table: TableName
}

/** The checks that must pass before a phase begins. Never remembered as done: a gate is asked each time. */
export interface GateStep extends StepBase {
  readonly kind: 'gate'
  readonly plan: string
  /** The phase that it opens. */
  readonly opens: 'B' | 'C' | 'D'
  readonly checks: readonly CheckRequest[]
}

/** A plan as the compiler placed it among the others. */
export interface CompiledPlan {
  readonly plan: Plan
  /** 1 for the plans that come first. Computed from references and `after`; within a wave the order is by risk, then by file name. */
  readonly wave: number
  /** The plans that could not be applied without this one; empty for a plan that was asked for itself. */
  readonly neededBy: readonly string[]
}

/** The table a step is about, if it is about one. */
export function tableOf(step: Step): TableName | undefined {
  if (step.kind === 'table') return step.table.name
  if (step.kind === 'backfill') return step.mapping.into
  return 'table' in step ? step.table : undefined
}
