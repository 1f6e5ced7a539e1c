import type { PlanCatalog } from './catalog.ts'
import { parseDuration } from './duration.ts'
import { checkIdentifier } from './identifier.ts'
import { isLeftovers, LEFTOVERS_TABLE, leftoverTable } from './leftovers.ts'
import type { Notes } from './notes.ts'
import {
  type Acceptance,
  type CheckRequest,
  type Counter,
  type Hook,
  PHASES,
  type Phase,
  type Plan,
  type Query,
  type TriggerRequest,
} from './plan.ts'
import type { FileContent } from './project-files.ts'
import { readExample } from './read-example.ts'
import { readPattern, readRules } from './read-mapping.ts'
import { readTable, type TableContext } from './read-table.ts'
import { sameTable, type TableDefinition, type TableName } from './table.ts'
import { optional, textOf, type YamlNode } from './yaml.ts'

export interface PlanContext extends TableContext {
  readonly notes: Notes
  readonly catalog: PlanCatalog
  /** Tables of the application, and of the other plans. */
  readonly tables: readonly TableDefinition[]
  /** The project's only source, for plans that name none. */
  readonly onlySource: string | undefined
  /** A file of the project, for scripts. */
  readFile(path: string): FileContent
}

/** Reads the tables of a plan; they come before the rules, whose keys default to primary keys. */
export function readTables(root: YamlNode, context: TableContext): readonly TableDefinition[] {
  const own = (root.get('tables')?.entries ?? []).map((it) => readTable(it, context))
  const leaves = root.get('mappings')?.items.some(isLeftovers) ?? false
  return leaves
    ? [...own, readTable(leftoverTable(), { ...context, targetSchema: LEFTOVERS_TABLE.schema })]
    : own
}

/** Makes a Plan of a file. What is broken is reported and left out; then the plan is good for finding more mistakes, and for nothing else. */
export function readPlan(
  file: string,
  root: YamlNode,
  own: readonly TableDefinition[],
  context: PlanContext,
): Plan {
  const { notes, tables } = context
  const table = (name: TableName) => [...own, ...tables].find((it) => sameTable(it.name, name))
  const rules = readRules(root.get('mappings')?.items ?? [], { ...context, table })
  const filled = rules.flatMap((it) => (it.kind === 'mapping' ? [it.into] : []))
  const applications = tables.filter(
    (it) => it.owner === 'schema' && filled.some((name) => sameTable(name, it.name)),
  )
  const name = root.get('plan')
  if (name) checkIdentifier(textOf(name) ?? '-', 'plan', name.at, notes)
  return notes.from(root, {
    version: 1,
    name: textOf(name) ?? '',
    file,
    // Held against the schema before.
    risk: (textOf(root.get('risk')) as Plan['risk'] | undefined) ?? 'medium',
    after: (root.get('after')?.items ?? []).flatMap((it) => optional(textOf(it))),
    source: textOf(root.get('source')) ?? context.onlySource ?? '',
    rules,
    tables: [...own, ...applications],
    ...sequencesOf(root.get('sequences'), context),
    queries: (root.get('queries')?.entries ?? []).flatMap(({ key, at, value }) =>
      optional(readQuery(key, at, value, notes)),
    ),
    gates: new Map(
      (['B', 'C', 'D'] as const).flatMap((gate) => {
        const checks = root.get('gates')?.get(gate)?.items
        return checks ? [[gate, checks.map((it) => readCheck(it, notes))] as const] : []
      }),
    ),
    triggers: new Map(
      PHASES.flatMap((phase) => {
        const triggers = root.get('triggers')?.get(phase)?.items
        return triggers ? [[phase, triggers.map((it) => readTrigger(it, notes))] as const] : []
      }),
    ),
    accept: (root.get('accept')?.items ?? []).flatMap((it) => optional(readAcceptance(it, notes))),
    ...archiveOf(root.get('archive'), notes),
    ...hooksOf(root.get('hooks'), notes),
    examples: (root.get('examples')?.items ?? []).flatMap((it) => optional(readExample(it, notes))),
    later: Object.fromEntries(LATER.flatMap((key) => optional(root.get(key)).map((it) => [key, it.value]))),
    at: name?.at ?? root.at,
  })
}

const LATER = ['writes', 'reads'] as const

function sequencesOf(
  node: YamlNode | undefined,
  { notes, targetSchema }: PlanContext,
): Pick<Plan, 'sequences'> {
  if (!node) return {}
  const sequences = node.entries.flatMap(({ key: name, at, value }): Counter[] => {
    const [column, table, schema = targetSchema] = name.split('.').reverse()
    if (!column || !table) {
      notes.error(
        'KV013',
        at,
        `${JSON.stringify(name)} names no column.`,
        'Such as messages.id: messages:next_id.',
      )
      return []
    }
    const [key, field] = [textOf(value.kind === 'map' ? value.get('key') : value), textOf(value.get('field'))]
    if (key === undefined) return []
    return [{ table: { schema, table }, column, key, ...(field !== undefined && { field }), at }]
  })
  return { sequences }
}

function readQuery(name: string, at: Query['at'], node: YamlNode, notes: Notes): Query | undefined {
  const sql = textOf(node.get('sql'))
  const uses = textOf(node.get('uses'))
  if (sql === undefined) return undefined
  const args = (node.get('args')?.items ?? []).map((it) => it.value as Query['args'][number])
  return notes.from(node, { name, sql, args, ...(uses !== undefined && { uses }), at })
}

function readCheck(node: YamlNode, notes: Notes): CheckRequest {
  const [named, second] = node.entries.filter((it) => it.key !== 'because')
  if (second)
    notes.error('KV012', second.at, 'An item of a gate is one check.', 'Begin a new item of the list for it.')
  if (!named) return notes.from(node, { check: textOf(node) ?? '', options: {}, at: node.at })
  const { key, value } = named
  const because = textOf(node.get('because'))
  // `soak: 14d`: checks of later phases may be given one value instead of a map.
  const options = value.kind === 'map' ? (value.value as CheckRequest['options']) : { value: value.value }
  return notes.from(node, { check: key, options, ...(because !== undefined && { because }), at: node.at })
}

function readTrigger(node: YamlNode, notes: Notes): TriggerRequest {
  const options = node.entries.filter((it) => !['when', 'do', 'for', 'missing', 'because'].includes(it.key))
  const [because, missing] = [textOf(node.get('because')), textOf(node.get('missing'))]
  return notes.from(node, {
    check: textOf(node.get('when')) ?? '',
    options: Object.fromEntries(options.map(({ key, value }) => [key, value.value])),
    ...(because !== undefined && { because }),
    ...(missing !== undefined && { missing: missing as NonNullable<TriggerRequest['missing']> }),
    do: (textOf(node.get('do')) as TriggerRequest['do'] | undefined) ?? 'alert',
    forMillis: parseDuration(textOf(node.get('for')) ?? '') ?? 0,
    at: node.at,
  })
}

/** Keys stay in the store for so long after they were archived, unless the plan says otherwise. */
const KEEP = '30d'
/** A hook that takes longer hangs. */
const WITHIN = '10m'

function archiveOf(node: YamlNode | undefined, notes: Notes): Pick<Plan, 'archive'> {
  const to = textOf(node?.get('to'))
  if (!node || to === undefined) return {}
  const keepMillis = parseDuration(textOf(node.get('keep')) ?? KEEP) ?? 0
  return { archive: notes.from(node, { to, keepMillis, at: node.at }) }
}

function hooksOf(node: YamlNode | undefined, notes: Notes): Pick<Plan, 'hooks'> {
  return node ? { hooks: node.items.flatMap((it) => optional(readHook(it, notes))) } : {}
}

function readHook(node: YamlNode, notes: Notes): Hook | undefined {
  const [before, after, run] = [
    textOf(node.get('before')),
    textOf(node.get('after')),
    textOf(node.get('run')),
  ]
  if ((before === undefined) === (after === undefined)) {
    notes.error('KV011', node.at, 'A hook runs before a phase or after it.', 'Write before: B, or after: B.')
    return undefined
  }
  if (run === undefined) return undefined
  return notes.from(node, {
    when: before === undefined ? ('after' as const) : ('before' as const),
    phase: (before ?? after) as Phase,
    run,
    withinMillis: parseDuration(textOf(node.get('within')) ?? WITHIN) ?? 0,
    at: node.at,
  })
}

function readAcceptance(node: YamlNode, notes: Notes): Acceptance | undefined {
  const match = readPattern(node.get('match'), notes)
  const [code, because] = [textOf(node.get('code')), textOf(node.get('because'))]
  const atMost = node.get('at_most')?.value
  if (!match || code === undefined || because === undefined) return undefined
  return notes.from(node, { code, match, ...(typeof atMost === 'number' && { atMost }), because })
}
