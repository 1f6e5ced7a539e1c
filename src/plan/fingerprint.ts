import type { Graph } from '../graph/graph.ts'
import { canonical, digestOf } from './canonical.ts'
import type { CheckRequest, Mapping, Plan, Project, Rule } from './plan.ts'
import type { BackfillStep, GateStep, Step } from './step.ts'
import type { ColumnDefinition, ColumnType, IndexDefinition, Reference, TableDefinition } from './table.ts'

/**
 * A hash for each step of what matters to its effect, so that edited history is noticed. Positions, comments, the order of columns and
 * fields, and `because` texts do not matter. Anything else does unless it is left out here by name: a word that joins the language later
 * counts at once. A gate's covers the steps of its plan.
 */
export function fingerprints(graph: Graph<Step>): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const { id, data } of graph.vertices) if (data.kind !== 'gate') found.set(id, fingerprint(data))
  for (const { id, data } of graph.vertices) {
    if (data.kind !== 'gate') continue
    const ofPlan = graph.vertices.filter((it) => it.data.plan === data.plan && it.data.kind !== 'gate')
    const judged = ofPlan.map((it) => [found.get(it.id), judgedOnly(it.data)]).sort(byCanonical)
    found.set(id, digestOf([gateEffect(data), judged]))
  }
  return found
}

/** The fingerprint of a step that stands for itself, that is of any but a gate. */
export const fingerprint = (step: Exclude<Step, GateStep>): string => digestOf(effectOf(step))

/** A hash of everything a project says that could make a difference. */
export const planHash = (project: Project): string => {
  const { root, file, plans, skips, ...rest } = project
  return digestOf({
    ...essence(rest),
    skips: skips.map(ruleEssence),
    plans: plans.map(planEssence).sort(byCanonical),
  })
}

/** Do two plans declare the same table? */
export const sameDefinition = (a: TableDefinition, b: TableDefinition): boolean =>
  canonical(wholeTable(a)) === canonical(wholeTable(b))

type Effects = {
  readonly [K in Exclude<Step, GateStep>['kind']]: (step: Extract<Step, { kind: K }>) => unknown
}

const EFFECTS: Effects = {
  extension: ({ extension, optional }) => (optional ? [extension, 'optional'] : extension),
  schema: ({ schema }) => schema,
  table: ({ table }) => tableEffect(table),
  // What they are by is the table's own; how many are ahead changes nothing that is there.
  partitions: ({ table, ahead, with: made }) => [table, ahead, ...(made ? [made] : [])],
  view: ({ table, view, column }) => [table, view, column],
  audit: ({ table, history, key }) => [table, history, key],
  sweep: ({ table, column }) => [table, column],
  backfill: (step) => backfillEffect(step),
  index: ({ table, index }) => [table, indexEffect(index)],
  foreign_key: ({ table, name, reference }) => [table, name, referenceEffect(reference)],
  validate: ({ table, constraint }) => [table, constraint],
  sequence: ({ table, column, counter }) => (counter ? [table, column, counter] : [table, column]),
  analyze: ({ table }) => table,
}

const effectOf = (step: Exclude<Step, GateStep>): unknown => [
  step.kind,
  // Each function takes the kind it is listed under, which a lookup cannot tell the compiler.
  (EFFECTS[step.kind] as (step: Step) => unknown)(step),
]

// Indexes and references are steps of their own.
function tableEffect({
  name,
  owner,
  columns,
  primaryKey,
  unique,
  checks,
  partitionBy,
  partitions,
}: TableDefinition): unknown {
  return {
    name,
    owner,
    columns: columns.map(columnEffect).sort(byCanonical),
    primaryKey,
    unique: unique.map((it) => it.toSorted()).sort(byCanonical),
    checks: checks.map(sameSql).sort(),
    partitionBy,
    partitions: partitions && {
      every: partitions.every,
      from: partitions.from,
      ...(partitions.with && { with: partitions.with }),
    },
  }
}

const columnEffect = ({ at, type, default: value, sql, ...rest }: ColumnDefinition): unknown => ({
  ...rest,
  type: typeEffect(type),
  default: value && sameSql(value),
  sql: sameSql(sql),
})

const typeEffect = ({ sql, ...rest }: ColumnType): unknown => ({ ...rest, sql: sameSql(sql) })

const wholeTable = (table: TableDefinition): unknown => [
  tableEffect(table),
  table.indexes.map(indexEffect).sort(byCanonical),
  table.references.map(referenceEffect).sort(byCanonical),
  table.expiry,
  table.partitions,
  ...(table.history === undefined ? [] : [table.history]),
]

const indexEffect = ({ at, columns, where, ...rest }: IndexDefinition): unknown => ({
  ...rest,
  columns: columns.map(sameSql),
  where: where && sameSql(where),
})

const referenceEffect = ({ at, ...rest }: Reference): unknown => rest

function backfillEffect({ source, mapping, table, beside }: BackfillStep): unknown {
  return { source, mapping: mappingEffect(mapping), columns: columnsEffect(mapping, table), beside }
}

/** Of the table only the columns that are filled: what they accept decides what is rejected. */
export function columnsEffect(mapping: Mapping, table: TableDefinition): unknown {
  const filled = new Set(mapping.fields.map(({ column }) => column))
  return table.columns
    .filter(({ name }) => filled.has(name))
    .map(({ name, type, notNull }) => ({ name, type: typeEffect(type), notNull }))
    .sort(byCanonical)
}

/** The name is in the step's id; unmapped and rejectLimit judge what was copied, and change none of it. */
export function mappingEffect({
  at,
  name,
  unmapped,
  rejectLimit,
  match,
  key,
  fields,
  where,
  ...rest
}: Mapping): unknown {
  return {
    ...essence(rest),
    match: match.parts,
    key: key.toSorted(),
    where: where?.cel.trim(),
    fields: fields
      .map(({ column, expression }) => ({ column, expression: essence(expression) }))
      .sort(byCanonical),
  }
}

const judgedOnly = (step: Step): unknown =>
  step.kind === 'backfill' ? [essence(step.mapping.unmapped), step.mapping.rejectLimit] : undefined

const gateEffect = ({ opens, checks }: GateStep): unknown => [opens, checks.map(requestEssence)]

function planEssence({ at, file, rules, tables, after, gates, triggers, ...rest }: Plan): unknown {
  return {
    ...essence(rest),
    after: after.toSorted(),
    rules: rules.map(ruleEssence),
    tables: tables.map(wholeTable).sort(byCanonical),
    gates: new Map([...gates].map(([gate, requests]) => [gate, requests.map(requestEssence)])),
    triggers: new Map([...triggers].map(([phase, requests]) => [phase, requests.map(requestEssence)])),
  }
}

function ruleEssence(rule: Rule): unknown {
  if (rule.kind === 'skip')
    return { kind: rule.kind, fate: rule.fate, type: rule.type, match: rule.match.parts }
  return {
    name: rule.name,
    effect: mappingEffect(rule),
    judged: [essence(rule.unmapped), rule.rejectLimit],
  }
}

// The options are the user's own words: `at` or `because` among them is an option like any other.
const requestEssence = ({ at, because, options, ...rest }: CheckRequest): unknown => ({ ...rest, options })

/** A value without positions and reasons, all the way down. What a plan carries along unread stays whole. */
function essence(value: unknown): Record<string, unknown> {
  return strip(value) as Record<string, unknown>
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip)
  if (value instanceof Map) return new Map([...value].map(([key, it]) => [key, strip(it)]))
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  if ('parts' in value) return value.parts
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, it]) =>
      NOT_EFFECTIVE.has(key) ? [] : [[key, WHOLE.has(key) ? it : strip(it)]],
    ),
  )
}

const NOT_EFFECTIVE: ReadonlySet<string> = new Set(['at', 'span', 'because', 'file'])
const WHOLE: ReadonlySet<string> = new Set(['later', 'value', 'rows', 'options'])

/** SQL with its spaces and the case of its keywords made equal, as far as it stands outside of quotes. */
function sameSql(sql: string): string {
  // Dollar quotes have too many forms to be worth it.
  if (sql.includes('$')) return sql.trim()
  return sql
    .trim()
    .split(/('(?:[^']|'')*'|"(?:[^"]|"")*")/)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/\s+/g, ' ').toLowerCase()))
    .join('')
}

const byCanonical = (a: unknown, b: unknown): number => (canonical(a) < canonical(b) ? -1 : 1)
