import { didYouMean } from '../diagnostic.ts'
import type { PlanCatalog } from './catalog.ts'
import { parsePercentage } from './duration.ts'
import { parseDecodeStep, parseEach, parseExpression, parseFieldPath } from './expression.ts'
import { checkIdentifier, checkSchema } from './identifier.ts'
import { type KeyPattern, parseKeyPattern } from './key-pattern.ts'
import type { Notes } from './notes.ts'
import type {
  Conflict,
  DecodeStep,
  Each,
  EntryType,
  Field,
  Mapping,
  PathSegment,
  Rule,
  Skip,
  Unmapped,
} from './plan.ts'
import { listOf } from './problem.ts'
import type { TableDefinition, TableName } from './table.ts'
import { optional, textOf, type YamlNode } from './yaml.ts'

/** What rules are read with. */
export interface RuleContext {
  readonly notes: Notes
  readonly catalog: PlanCatalog
  readonly targetSchema: string
  /** The table of that name, for the default of `key`. */
  table(name: TableName): TableDefinition | undefined
}

/** Reads `mappings:`. What is broken is reported and left out. */
export function readRules(nodes: readonly YamlNode[], context: RuleContext): readonly Rule[] {
  const uses = new Map<string, number>()
  return nodes.flatMap((node): readonly Rule[] => {
    if (FATES.some((it) => node.get(it.key)) && !node.get('into')) return optional(readSkip(node, context))
    const mapping = readMapping(node, context)
    if (!mapping) return []
    const nth = (uses.get(mapping.into.table) ?? 0) + 1
    uses.set(mapping.into.table, nth)
    return [context.notes.from(node, nth === 1 ? mapping : { ...mapping, name: `${mapping.name}.${nth}` })]
  })
}

const FATES = [
  { key: 'index', fate: 'index' },
  { key: 'ignore', fate: 'ignored' },
  { key: 'ephemeral', fate: 'ephemeral' },
] as const

function readSkip(node: YamlNode, { notes }: RuleContext): Skip | undefined {
  const found = FATES.filter((it) => node.get(it.key))
  if (found.length > 1)
    notes.error('KV012', node.at, `A rule has one fate, not ${listOf(found.map((it) => it.key))}.`)
  const { key, fate } = found[0]!
  return skipOf(node, fate, textOf(node.get(key)), notes)
}

/** Reads `ignore:`, `index:` or `ephemeral:` of a project. */
export function readLetBe(node: YamlNode, fate: Skip['fate'], notes: Notes): Skip | undefined {
  return skipOf(node, fate, textOf(node.get('because')), notes)
}

function skipOf(
  node: YamlNode,
  fate: Skip['fate'],
  because: string | undefined,
  notes: Notes,
): Skip | undefined {
  const match = readPattern(node.get('match'), notes)
  if (!match || because === undefined) return undefined
  const skip: Skip = { kind: 'skip', fate, match, ...typeOf(node), because, at: node.at }
  return notes.from(node, skip)
}

/** Reads a key pattern. */
export function readPattern(node: YamlNode | undefined, notes: Notes): KeyPattern | undefined {
  const source = textOf(node)
  if (!node || source === undefined) return undefined
  const { pattern, problems } = parseKeyPattern(source, node.at)
  notes.problems(node, problems)
  return pattern
}

function readMapping(node: YamlNode, context: RuleContext): Mapping | undefined {
  const { notes } = context
  const match = readPattern(node.get('match'), notes)
  const into = readInto(node.get('into'), context)
  const where = node.get('where')
  const cel = textOf(where)
  const limit = textOf(node.get('reject')?.get('limit'))
  const rejectLimit = limit === undefined ? undefined : parsePercentage(limit)
  const each = readEach(node.get('each'), notes)
  const fields = (node.get('fields')?.entries ?? []).flatMap((entry) => optional(readField(entry, notes)))
  const decode = readDecode(node.get('decode'), context)
  const unmapped = readUnmapped(node.get('unmapped'), notes)
  if (!match || !into) return undefined
  return {
    kind: 'mapping',
    name: into.table,
    match,
    ...typeOf(node),
    ...(each && { each }),
    decode,
    ...(where && cel !== undefined && { where: { cel, at: where.at } }),
    into,
    key:
      // In one order, however it was written: mappings of one table tell their rows apart in the same way.
      (
        node.get('key')?.items.flatMap((it) => optional(textOf(it))) ??
        context.table(into)?.primaryKey ??
        []
      ).toSorted(),
    conflict: readConflict(textOf(node.get('conflict'))),
    fields,
    ...(unmapped && { unmapped }),
    text: textOf(node.get('text')) === 'replace' ? 'replace' : 'reject',
    ...(rejectLimit !== undefined && { rejectLimit }),
    existing: textOf(node.get('existing')) === 'update' ? 'update' : 'keep',
    at: node.at,
  }
}

function typeOf(node: YamlNode): { readonly type?: EntryType } {
  const type = textOf(node.get('type'))
  // Held against the schema before.
  return type === undefined ? {} : { type: type as EntryType }
}

function readUnmapped(node: YamlNode | undefined, notes: Notes): Unmapped | undefined {
  const drop = node?.get('drop')
  const because = textOf(node?.get('because'))
  if (!drop || because === undefined) return undefined
  if (drop.kind !== 'list') return { fields: 'all', expiry: false, because }
  let [expiry, fieldExpiry] = [false, false]
  const fields: (readonly PathSegment[])[] = []
  for (const item of drop.items) {
    const source = textOf(item)
    if (source === undefined) continue
    if (source.trim() === '$expires_at') {
      expiry = true
      continue
    }
    if (source.trim() === '$field_expires_at') {
      fieldExpiry = true
      continue
    }
    const { path, problems } = parseFieldPath(source)
    notes.problems(item, problems)
    if (path) fields.push(path)
  }
  return { fields, expiry, ...(fieldExpiry && { fieldExpiry }), because }
}

function readInto(node: YamlNode | undefined, { notes, targetSchema }: RuleContext): TableName | undefined {
  const table = textOf(node?.kind === 'map' ? node.get('table') : node)
  const schema = node?.kind === 'map' ? textOf(node.get('schema')) : targetSchema
  if (!node || table === undefined || schema === undefined) return undefined
  const written = node.get('schema')
  const good = checkIdentifier(table, 'table', node.get('table')?.at ?? node.at, notes)
  const goodSchema =
    !written ||
    (checkIdentifier(schema, 'schema', written.at, notes) && checkSchema(schema, written.at, notes))
  if (!good || !goodSchema) return undefined
  return { schema, table }
}

const WHOLE = ['field', 'item', 'member', 'message'] as const

function readEach(node: YamlNode | undefined, notes: Notes): Each | undefined {
  const source = textOf(node)
  if (!node || source === undefined) return undefined
  const whole = WHOLE.find((it) => it === source)
  if (whole) return { kind: whole }
  const { each, problems } = parseEach(source)
  notes.problems(node, problems)
  return each
}

function readField({ key, at, value }: YamlNode['entries'][number], notes: Notes): Field | undefined {
  checkIdentifier(key, 'column', at, notes)
  if (value.kind !== 'scalar') return undefined
  const { expression, problems } = parseExpression(value.source)
  notes.problems(value, problems)
  return expression && { column: key, expression, source: value.source, at: value.at }
}

function readDecode(node: YamlNode | undefined, { catalog, notes }: RuleContext): readonly DecodeStep[] {
  const nodes = node?.kind === 'list' ? node.items : optional(node)
  return nodes.flatMap((it) => {
    const source = textOf(it)
    if (source === undefined) return []
    const { step, problems } = parseDecodeStep(source)
    notes.problems(it, problems)
    if (!step) return []
    const signature = catalog.decoders.get(step.name)
    const [least, most] = signature?.arity ?? [0, 0]
    const given = step.arguments.length
    if (!signature) {
      const meant = didYouMean(step.name, catalog.decoders.keys())
      const known = `Known are ${listOf(catalog.decoders.keys())}.`
      notes.error(
        'KV035',
        it.at,
        `There is no decoder "${step.name}".`,
        meant ? `Did you mean "${meant}"?` : known,
      )
    } else if (given < least || given > most) {
      const wanted = most === 0 ? 'no arguments' : least === most ? `${most}` : `${least} to ${most}`
      notes.error('KV032', it.at, `The decoder ${step.name} takes ${wanted}, not ${given}.`)
    }
    return [{ ...step, at: it.at }]
  })
}

function readConflict(source: string | undefined): Conflict {
  const found = /^(newest|greatest|least)\((.+)\)$/.exec(source ?? '')
  if (found) return { policy: found[1] as 'newest' | 'greatest' | 'least', column: found[2]!.trim() }
  return { policy: source === 'keep' || source === 'update' ? source : 'error' }
}
