import type { Position } from '../../src/diagnostic.ts'
import type { Expression } from '../../src/plan/expression.ts'
import type { KeyPart, KeyPattern } from '../../src/plan/key-pattern.ts'
import type { CheckRequest, Field, Mapping, Plan, Project, Rule } from '../../src/plan/plan.ts'
import {
  BASE_TYPES,
  type ColumnDefinition,
  type IndexDefinition,
  type Reference,
  type TableDefinition,
  type TableName,
} from '../../src/plan/table.ts'

/** Builds projects as the loader gives them, from what a test wants to say and defaults for the rest. */
export function projectOf(plans: readonly Plan[], rest: Partial<Project> = {}): Project {
  return {
    version: 1,
    root: '/project',
    file: 'migrations.yaml',
    sources: new Map([['kv', { url: 'redis://localhost', at: at('migrations.yaml', 3) }]]),
    target: { url: 'postgres://localhost/app', at: at('migrations.yaml', 4) },
    targetSchema: 'public',
    plans,
    budget: {},
    extensions: [],
    skips: [],
    environments: new Map(),
    ...rest,
  }
}

export function planOf(name: string, rest: Partial<Plan> = {}): Plan {
  const file = rest.file ?? `plans/${name}.yaml`
  return {
    version: 1,
    name,
    file,
    risk: 'medium',
    after: [],
    source: 'kv',
    rules: [],
    tables: [],
    queries: [],
    gates: new Map(),
    triggers: new Map(),
    accept: [],
    examples: [],
    later: {},
    at: at(file, 2),
    ...rest,
  }
}

/** A plan with one table of its own name, filled by one mapping from `name:{id}`; `to` lists the tables it refers to by `<table>_id`. */
export function simplePlan(name: string, to: readonly string[] = [], rest: Partial<Plan> = {}): Plan {
  const columns = Object.fromEntries(to.map((it) => [`${it}_id`, 'text']))
  return planOf(name, {
    tables: [
      tableOf(name, { id: 'text', ...columns }, { references: to.map((it) => referenceOf(`${it}_id`, it)) }),
    ],
    rules: [mappingOf(name)],
    ...rest,
  })
}

export function mappingOf(table: string, rest: Partial<Mapping> = {}): Mapping {
  return {
    kind: 'mapping',
    name: table,
    match: patternOf(`${table}:{id}`),
    type: 'string',
    decode: [{ name: 'json', arguments: [], at: at() }],
    into: nameOf(table),
    key: ['id'],
    conflict: { policy: 'error' },
    fields: [fieldOf('id', root('id'))],
    text: 'reject',
    existing: 'keep',
    at: at(),
    ...rest,
  }
}

export const fieldOf = (column: string, expression: Expression = path(column)): Field => ({
  column,
  expression,
  source: column,
  at: at(),
})

export const root = (name: string): Expression => ({ kind: 'root', root: name, path: [], span })
export const path = (...names: readonly string[]): Expression => ({ kind: 'path', path: names, span })

export function patternOf(source: string): KeyPattern {
  const parts = source
    .split(/(\{\w+\})/)
    .filter((it) => it !== '')
    .map(
      (text): KeyPart =>
        text.startsWith('{')
          ? { kind: 'capture', name: text.slice(1, -1), type: 'text' }
          : { kind: 'literal', text },
    )
  return { source, parts, at: at() }
}

/** Columns as the plan writes them: `{ id: 'text', n: 'integer not null' }`. */
export function tableOf(
  name: string,
  columns: Readonly<Record<string, string>>,
  rest: Partial<TableDefinition> = {},
): TableDefinition {
  return {
    name: nameOf(name),
    owner: 'plan',
    columns: Object.entries(columns).map(([column, sql]) => columnOf(column, sql)),
    primaryKey: ['id'],
    unique: [],
    indexes: [],
    references: [],
    checks: [],
    at: at(),
    ...rest,
  }
}

function columnOf(name: string, sql: string): ColumnDefinition {
  const type = /^[^ (]+(?:\([^)]*\))?/.exec(sql)![0]
  const value = /\sdefault\s+(.*)/is.exec(sql)?.[1]
  return {
    name,
    type: {
      base: BASE_TYPES.find((it) => type.toLowerCase().startsWith(it)) ?? 'other',
      array: false,
      sql: type,
    },
    notNull: /not\s+null/i.test(sql),
    ...(value !== undefined && { default: value }),
    identity: sql.includes('as identity'),
    generated: sql.includes(' stored'),
    sql,
    at: at(),
  }
}

export const indexOf = (
  name: string,
  columns: readonly string[],
  rest: Partial<IndexDefinition> = {},
): IndexDefinition => ({ name, columns, unique: false, at: at(), ...rest })

export const referenceOf = (column: string, to: string, rest: Partial<Reference> = {}): Reference => ({
  columns: [column],
  to: nameOf(to),
  toColumns: ['id'],
  onDelete: 'no action',
  deferrable: false,
  at: at(),
  ...rest,
})

export const checkOf = (check: string, options: Record<string, unknown> = {}): CheckRequest => ({
  check,
  options,
  at: at(),
})

export const gateOf = (...checks: readonly CheckRequest[]): Plan['gates'] => new Map([['B', checks]])

/** `users` in public, or `app.users`. */
export function nameOf(name: string): TableName {
  const [schema, table] = name.includes('.') ? name.split('.') : ['public', name]
  return { schema: schema!, table: table! }
}

export const at = (file = 'plans/x.yaml', line = 1): Position => ({ file, line, column: 1 })

/** The same project with every position moved, as an edit above would. */
export const moved = <T>(value: T): T => {
  if (Array.isArray(value)) return value.map(moved) as T
  if (value instanceof Map) return new Map([...value].map(([key, it]) => [key, moved(it)])) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, it]) => {
      if (key === 'at') return [key, { ...it, line: it.line + 7 }]
      if (key === 'span') return [key, { start: it.start + 3, end: it.end + 3 }]
      return [key, moved(it)]
    }),
  ) as T
}

/** A plan with other rules. */
export const withRules = (plan: Plan, rules: readonly Rule[]): Plan => ({ ...plan, rules })

const span = { start: 0, end: 1 }
