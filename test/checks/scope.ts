import type { Scope } from '../../src/checks/check.ts'
import {
  FATES,
  type Fates,
  type MappingSurvey,
  type PlanSurvey,
  type SampleSurvey,
  type Survey,
  type TableSurvey,
} from '../../src/checks/survey.ts'
import type { Position } from '../../src/diagnostic.ts'
import { parseColumn } from '../../src/plan/column-type.ts'
import { parseKeyPattern } from '../../src/plan/key-pattern.ts'
import type { Mapping, Plan, Project } from '../../src/plan/plan.ts'
import type { Reference, TableDefinition } from '../../src/plan/table.ts'
import type { Ledger } from '../../src/state/ledger.ts'
import type { Target } from '../../src/target/target.ts'

const at: Position = { file: 'plans/messages.yaml', line: 1, column: 1 }

/** What a test says about the plan and the world; everything else is of no interest to checks. */
export interface Given {
  readonly target?: Target
  readonly tables?: readonly TableDefinition[]
  readonly mappings?: readonly Mapping[]
  readonly queries?: Plan['queries']
  readonly accept?: Plan['accept']
  readonly survey?: Survey | Error
  readonly sample?: SampleSurvey
  readonly ledger?: Ledger
  readonly targetSchema?: string
  /** Tables of another plan. */
  readonly others?: readonly TableDefinition[]
  readonly signal?: AbortSignal
}

/** A scope of plan `messages`. What a test did not give and a check asks for all the same makes the test fail. */
export function scopeOf(given: Given): Scope {
  const { tables = [], survey, sample } = given
  const plan: Plan = {
    version: 1,
    name: 'messages',
    file: at.file,
    risk: 'low',
    after: [],
    source: 'kv',
    rules: given.mappings ?? tables.map((it) => mapping(it)),
    tables,
    queries: given.queries ?? [],
    gates: new Map(),
    triggers: new Map(),
    accept: given.accept ?? [],
    examples: [],
    later: {},
    at,
  }
  return {
    project: {
      targetSchema: given.targetSchema ?? 'public',
      plans: [plan, { ...plan, name: 'others', tables: given.others ?? [] }],
    } as unknown as Project,
    plan,
    compiled: undefined as never,
    target: given.target ?? (NO_TARGET as unknown as Target),
    ledger: given.ledger ?? (undefined as never),
    signal: given.signal ?? new AbortController().signal,
    survey: async () => {
      if (survey === undefined || survey instanceof Error) throw survey ?? new Error('no survey was given')
      return survey
    },
    ...(sample ? { sample: async () => sample } : {}),
  }
}

// For findings that come from a survey alone: every table is there and may be read.
const NO_TARGET = {
  transaction: (work: (tx: unknown) => unknown) =>
    work({ query: async () => [{ role: 'r', usable: 't', readable: 't', filtered: 'f' }] }),
}

export function table(
  name: string,
  columns: Readonly<Record<string, string>>,
  more: Partial<TableDefinition> = {},
): TableDefinition {
  return {
    name: { schema: 'public', table: name },
    owner: 'plan',
    columns: Object.entries(columns).map(([column, sql]) => ({
      name: column,
      at,
      ...parseColumn(sql).column!,
    })),
    primaryKey: [Object.keys(columns)[0]!],
    unique: [],
    indexes: [],
    references: [],
    checks: [],
    at,
    ...more,
  }
}

export const reference = (column: string, to: string, toColumn: string): Reference => ({
  columns: [column],
  to: { schema: 'public', table: to },
  toColumns: [toColumn],
  onDelete: 'no action',
  deferrable: false,
  at,
})

/** Fills all columns of the table, by its primary key. */
export const mapping = (into: TableDefinition, more: Partial<Mapping> = {}): Mapping => ({
  kind: 'mapping',
  name: into.name.table,
  match: pattern(`${into.name.table}:{id}`),
  decode: [],
  into: into.name,
  key: into.primaryKey,
  conflict: { policy: 'error' },
  fields: into.columns.map(({ name }) => ({
    column: name,
    expression: { kind: 'path', path: [name], span: { start: 0, end: 0 } },
    source: name,
    at,
  })),
  text: 'reject',
  existing: 'keep',
  at,
  ...more,
})

export const pattern = (source: string) => parseKeyPattern(source, at).pattern!

export const query = (sql: string, more: Partial<Plan['queries'][number]> = {}): Plan['queries'][number] => ({
  name: 'q',
  sql,
  args: [],
  at,
  ...more,
})

export const fates = (given: Partial<Fates>): Fates => ({
  ...(Object.fromEntries(FATES.map((it) => [it, 0])) as Record<keyof Fates, number>),
  ...given,
})

/** A survey of source `kv` in which plan `messages` is as given; its keys are the sum of the fates. */
export function surveyOf(given: {
  readonly fates?: Partial<Fates>
  readonly plan?: Partial<Fates>
  readonly keys?: number
  readonly uncovered?: Survey['uncovered']
  readonly mappings?: readonly MappingSurvey[]
  readonly tables?: readonly TableSurvey[]
}): Survey {
  const all = fates(given.fates ?? { migrated: 10 })
  const messages: PlanSurvey = {
    plan: 'messages',
    fates: fates(given.plan ?? given.fates ?? { migrated: 10 }),
    mappings: given.mappings ?? [],
    tables: given.tables ?? [],
  }
  return {
    source: 'kv',
    keys: given.keys ?? FATES.reduce((sum, it) => sum + all[it], 0),
    fates: all,
    uncovered: given.uncovered ?? [],
    plans: new Map([['messages', messages]]),
  }
}

export const mappingSurvey = (more: Partial<MappingSurvey> = {}): MappingSurvey => ({
  mapping: 'messages',
  match: 'messages:{id}',
  keys: 10,
  records: 10,
  filtered: 0,
  expiring: 0,
  rejects: [],
  unmapped: [],
  ...more,
})

export const differences = (...samples: string[]) => ({ count: samples.length, samples })

export const tableSurvey = (more: Partial<TableSurvey> = {}): TableSurvey => ({
  table: 'messages',
  compared: true,
  expected: 1000,
  actual: 1000,
  matching: 1000,
  missing: differences(),
  different: differences(),
  extra: differences(),
  ...more,
})
