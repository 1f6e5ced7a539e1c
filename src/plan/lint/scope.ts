import type { Position } from '../../diagnostic.ts'
import type { PlanCatalog } from '../catalog.ts'
import type { Notes } from '../notes.ts'
import { type Mapping, mappingsOf, type Plan, type Skip, type StoreAddress } from '../plan.ts'
import { sameTable, type TableDefinition, type TableName } from '../table.ts'

/** Looks at what was read and reports what is wrong with it. Each rule is a file of its own. */
export type LintRule = (scope: LintScope) => void

/** What the rules look at. */
export interface LintScope {
  readonly notes: Notes
  readonly catalog: PlanCatalog
  readonly sources: ReadonlyMap<string, StoreAddress>
  readonly skips: readonly Skip[]
  /** Plans whose files fit the schema. */
  readonly plans: readonly Plan[]
  /** Those that do not, too: their names and tables are known. */
  readonly allPlans: readonly Plan[]
  /** Every table of every plan and of the application. */
  readonly tables: readonly TableDefinition[]
  readonly unlogged: readonly TableName[]
  /** False if a file could not be read: then what seems to be missing may stand there. */
  readonly complete: boolean
}

export const findTable = ({ tables }: LintScope, name: TableName): TableDefinition | undefined =>
  tables.find((it) => sameTable(it.name, name))

/** Is there such a column, be its definition readable or not? */
export const hasColumn = ({ notes }: LintScope, table: TableDefinition, column: string): boolean =>
  table.columns.some((it) => it.name === column) || notes.node(table, 'columns', column) !== undefined

/** Columns that a mapping fills by what its file says, be the expression readable or not, with where each stands. */
export const filledColumns = (
  { notes }: LintScope,
  mapping: Mapping,
): readonly { readonly key: string; readonly at: Position }[] =>
  ['fields', 'computed'].flatMap((it) => notes.node(mapping, it)?.entries ?? [])

/** Every mapping with its plan. */
export const mappings = ({
  plans,
}: LintScope): readonly { readonly plan: Plan; readonly mapping: Mapping }[] =>
  plans.flatMap((plan) => mappingsOf(plan).map((mapping) => ({ plan, mapping })))
