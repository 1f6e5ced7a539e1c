import type { PlanCatalog } from './catalog.ts'
import { looksAtKeyOnly } from './cel-roots.ts'
import { type ChunkKey, parseChunks } from './chunks.ts'
import { parsePercentage } from './duration.ts'
import { parseEach, parseExpression, parseFieldPath } from './expression.ts'
import { checkIdentifier, checkSchema } from './identifier.ts'
import { type KeyPattern, parseKeyPattern } from './key-pattern.ts'
import { isLeftovers, LEFTOVERS, LEFTOVERS_TABLE, leftoverMappings } from './leftovers.ts'
import { mergedNode } from './merged-node.ts'
import type { Notes } from './notes.ts'
import type {
  Conflict,
  Each,
  EntryType,
  Field,
  Inside,
  Mapping,
  Merge,
  PathSegment,
  Rule,
  Skip,
  Unmapped,
} from './plan.ts'
import { listOf } from './problem.ts'
import type { FileContent } from './project-files.ts'
import { readDecode, readDecodeFields } from './read-decode.ts'
import { withScripts } from './scripts.ts'
import { sameTable, type TableDefinition, type TableName } from './table.ts'
import { optional, textOf, type YamlNode } from './yaml.ts'

/** What rules are read with. */
export interface RuleContext {
  readonly notes: Notes
  readonly catalog: PlanCatalog
  readonly targetSchema: string
  /** A file of the project, for scripts. */
  readFile(path: string): FileContent
  /** The table of that name, for the default of `key`. */
  table(name: TableName): TableDefinition | undefined
}

/** Reads `mappings:`. What is broken is reported and left out. */
export function readRules(nodes: readonly YamlNode[], context: RuleContext): readonly Rule[] {
  const uses = new Map<string, number>()
  const rules = nodes.flatMap(spread).flatMap((node): readonly Rule[] => {
    if (FATES.some((it) => node.get(it.key)) && !node.get('into')) return optional(readSkip(node, context))
    const mapping = readMapping(node, context)
    if (!mapping) return []
    const nth = (uses.get(mapping.into.table) ?? 0) + 1
    uses.set(mapping.into.table, nth)
    return [context.notes.from(node, nth === 1 ? mapping : { ...mapping, name: `${mapping.name}.${nth}` })]
  })
  return rules.map((rule) => (rule.kind === 'mapping' ? withMerges(rule, rules, context.notes) : rule))
}

/** What one mapping says of how rows are merged holds for all that give rows of the table. */
function withMerges(mapping: Mapping, rules: readonly Rule[], notes: Notes): Mapping {
  const merge = new Map<string, Merge>()
  for (const it of rules)
    if (it.kind === 'mapping' && sameTable(it.into, mapping.into))
      for (const one of it.merge ?? []) if (!merge.has(one.column)) merge.set(one.column, one)
  if (merge.size === 0) return mapping
  const byColumn = [...merge.values()].sort((a, b) => (a.column < b.column ? -1 : 1))
  return notes.from(notes.node(mapping)!, { ...mapping, merge: byColumn })
}

/** A mapping that reads `from` several places is one mapping for each of them; what a place says itself comes before what all share. */
function spread(node: YamlNode): readonly YamlNode[] {
  if (isLeftovers(node)) return leftoverMappings(node)
  const from = node.get('from')
  if (from?.kind !== 'list') return [node]
  const shared = { ...node, entries: node.entries.filter((it) => it.key !== 'from') }
  return from.items.map((it) => (it.kind === 'map' ? mergedNode(it, shared, ['fields', 'computed']) : it))
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
  const fields = [
    ...(node.get('fields')?.entries ?? []).flatMap((entry) => optional(readField(entry, context))),
    ...(node.get('computed')?.entries ?? []).flatMap((entry) => optional(readComputed(entry, notes))),
  ]
  checkFields(node, notes)
  const decoding = node.get('decode')
  const decode = decoding?.kind === 'map' ? [] : readDecode(decoding, context)
  const decodeFields = decoding?.kind === 'map' ? readDecodeFields(decoding, context) : undefined
  const unmapped = readUnmapped(node.get('unmapped'), notes)
  if (!match || !into) return undefined
  const chunks = readChunks(node.get('chunks'), match, notes)
  return {
    kind: 'mapping',
    name: into.table,
    match,
    ...typeOf(node),
    ...(each && { each }),
    ...(chunks && { chunks }),
    decode,
    ...(decodeFields && { decodeFields }),
    ...(where &&
      cel !== undefined && { where: { cel, ...(looksAtKeyOnly(cel) && { ofKey: true }), at: where.at } }),
    ...(textOf(node.get('otherwise')) === 'reject' && { otherwise: 'reject' as const }),
    into,
    key:
      // In one order, however it was written: mappings of one table tell their rows apart in the same way.
      (
        node.get('key')?.items.flatMap((it) => optional(textOf(it))) ??
        context.table(into)?.primaryKey ??
        []
      ).toSorted(),
    conflict: readConflict(textOf(node.get('conflict'))),
    ...mergeOf(node.get('merge'), notes),
    ...(node.get('write')?.value === true && { write: true as const }),
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
  if (textOf(node) === LEFTOVERS) return LEFTOVERS_TABLE
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
  if (node?.kind === 'list') return readNested(node, notes)
  const source = textOf(node)
  if (!node || source === undefined) return undefined
  const whole = WHOLE.find((it) => it === source)
  if (whole) return { kind: whole }
  return readInside(node, source, notes)
}

function readInside(node: YamlNode, source: string, notes: Notes): Inside | undefined {
  const { each, problems } = parseEach(source)
  notes.problems(node, problems)
  return each
}

/** `[field, '*']`: first what a record of the store is, then where in it. */
function readNested(node: YamlNode, notes: Notes): Each | undefined {
  const [outer, inner] = node.items
  const kind = WHOLE.find((it) => it === textOf(outer))
  const path = textOf(inner)
  if (!outer || !inner || path === undefined) return undefined
  if (!kind) {
    notes.error('KV013', outer.at, `A list for "each" begins with ${listOf(WHOLE, 'or')}.`, NESTED_HINT)
    return undefined
  }
  const inside = readInside(inner, path, notes)
  return inside && { kind, inside }
}

const NESTED_HINT =
  "Such as each: [field, '*'] for the elements of every field. A path into the value stands alone."

function readField({ key, at, value }: YamlNode['entries'][number], context: RuleContext): Field | undefined {
  const { notes } = context
  checkIdentifier(key, 'column', at, notes)
  if (value.kind !== 'scalar') return undefined
  const { expression, problems } = parseExpression(value.source)
  notes.problems(value, problems)
  return (
    expression && {
      column: key,
      expression: withScripts(expression, value, context),
      source: value.source,
      at: value.at,
    }
  )
}

function readComputed({ key, at, value }: YamlNode['entries'][number], notes: Notes): Field | undefined {
  checkIdentifier(key, 'column', at, notes)
  const cel = textOf(value)
  if (cel === undefined) return undefined
  const expression = { kind: 'cel', cel, span: { start: 0, end: cel.length } } as const
  return { column: key, expression, source: value.source, at: value.at }
}

/** Every column has one source, and there is at least one. */
function checkFields(node: YamlNode, notes: Notes): void {
  const [fields, computed] = [node.get('fields'), node.get('computed')]
  if (!fields && !computed)
    notes.error(
      'KV011',
      node.at,
      'The mapping fills no column.',
      'Say "fields:", a map from columns to expressions.',
    )
  const otherwise = node.get('otherwise')
  if (otherwise && !node.get('where'))
    notes.error(
      'KV011',
      otherwise.at,
      'There is no "where:" that could say no.',
      'Say "where:", a condition in CEL, or leave "otherwise:" out.',
    )
  for (const { key, at } of computed?.entries ?? [])
    if (fields?.get(key)) notes.error('KV060', at, `The column "${key}" stands under "fields:" as well.`)
}

function mergeOf(node: YamlNode | undefined, notes: Notes): Pick<Mapping, 'merge'> {
  if (!node) return {}
  for (const { key, at } of node.entries) checkIdentifier(key, 'column', at, notes)
  return { merge: node.entries.map(({ key, value }) => ({ column: key, by: textOf(value) as Merge['by'] })) }
}

function readChunks(node: YamlNode | undefined, match: KeyPattern, notes: Notes): ChunkKey | undefined {
  const source = textOf(node)
  if (!node || source === undefined) return undefined
  const { chunks, problems } = parseChunks(source, match)
  notes.problems(node, problems)
  return chunks
}

function readConflict(source: string | undefined): Conflict {
  const found = /^(newest|greatest|least)\((.+)\)$/.exec(source ?? '')
  if (found) return { policy: found[1] as 'newest' | 'greatest' | 'least', column: found[2]!.trim() }
  return { policy: source === 'keep' || source === 'update' ? source : 'error' }
}
