import type { Diagnostic, Position } from '../../diagnostic.ts'
import type { Mapping, Phase, Project } from '../plan.ts'
import { type CompiledPlan, type Step, type StepKind, tableOf } from '../step.ts'
import { sameTable, showTable, type TableDefinition, type TableName } from '../table.ts'
import type { CompileCode } from './codes.ts'

/** One thought of the compiler: looks at what there is so far and says what has to be added. */
export type Pass = (draft: Draft) => Additions

/** What earlier passes have made. */
export interface Draft {
  readonly project: Project
  /** The plans that were selected, in the order in which they are applied. */
  readonly plans: readonly OrderedPlan[]
  readonly tables: readonly PlacedTable[]
  readonly steps: readonly Step[]
}

export interface Additions {
  readonly steps?: readonly Step[]
  readonly edges?: readonly Edge[]
  readonly diagnostics?: readonly Diagnostic[]
}

/** `step` must happen after `after`. */
export interface Edge {
  readonly step: string
  readonly after: string
}

export interface OrderedPlan extends CompiledPlan {
  /** Names of the plans that come before it, directly or not. */
  readonly behind: ReadonlySet<string>
  /** Names of the other plans that declare or fill a table which one of its tables refers to. */
  readonly references: readonly string[]
}

/** A table, and the mappings that fill it, in order. */
export interface PlacedTable {
  readonly definition: TableDefinition
  /** The plan that answers for it. None if several declare it: then it is the project's. */
  readonly plan?: string
  readonly declaredBy: readonly string[]
  readonly fillers: readonly Filler[]
}

export interface Filler {
  readonly plan: string
  readonly mapping: Mapping
}

/** The beginning every step has: `messages/A/table/messages`, or `project/A/…` for what several plans share. */
export function place<K extends StepKind>(plan: string | undefined, kind: K, name: string) {
  const phase: Phase = 'A'
  return {
    id: `${plan ?? 'project'}/${phase}/${kind}/${name}`,
    kind,
    phase,
    ...(plan !== undefined && { plan }),
  }
}

/** The name of something that lives in a table's schema, for ids: `app.messages_from_user_fkey`. */
export const inSchemaOf = ({ schema }: TableName, name: string): string => showTable({ schema, table: name })

/** Ids of the steps of these kinds about a table. */
export function stepsAbout({ steps }: Draft, table: TableName, ...kinds: readonly StepKind[]): string[] {
  return steps.flatMap((step) => {
    const about = tableOf(step)
    return kinds.includes(step.kind) && about && sameTable(about, table) ? [step.id] : []
  })
}

export const findTable = ({ tables }: Draft, name: TableName): PlacedTable | undefined =>
  tables.find((it) => sameTable(it.definition.name, name))

/** Every step after every other. */
export const edges = (steps: readonly string[], after: readonly string[]): Edge[] =>
  steps.flatMap((step) => after.map((it) => ({ step, after: it })))

export const refuse = (
  code: CompileCode,
  at: Position | undefined,
  message: string,
  hint?: string,
): Diagnostic => ({
  severity: 'error',
  code,
  message,
  ...(hint && { hint }),
  ...(at && { at }),
})

/** By code units: the same in every locale. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
