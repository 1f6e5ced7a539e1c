import type { Diagnostic, Position } from '../diagnostic.ts'
import { chunkPattern } from '../plan/chunks.ts'
import { captureNames, type KeyPattern } from '../plan/key-pattern.ts'
import { keysOf, type Lookup, lookupsIn, lookupsOf } from '../plan/lookup.ts'
import { insideOf, type Mapping, type Plan } from '../plan/plan.ts'
import { type ColumnDefinition, showTable, type TableDefinition } from '../plan/table.ts'
import { ArgumentError, type Transform } from '../transforms/transform.ts'
import { acceptedTypes } from './accepted-types.ts'
import { CelError } from './cel.ts'
import { toCell } from './column.ts'
import { compileComputed } from './computed.ts'
import { compileDecoding, type Decoder } from './decode.ts'
import { compileExpression, type Evaluate } from './expression.ts'
import { showField, withStars } from './field-tree.ts'
import { fieldsRead } from './fields-read.ts'
import { compileAsk, compileForward } from './forward.ts'
import { grainOf } from './grain.ts'
import { compileGroup, wholeRead } from './group.ts'
import { compileInverse } from './inverse.ts'
import { compileKeyPattern } from './key-match.ts'
import { compileKeySpans } from './key-spans.ts'
import { compileLineages, isInjective } from './lineage.ts'
import type { CompiledMapping } from './mapping.ts'
import { compilePieces } from './pieces.ts'
import { compileRecords } from './records.ts'
import { compileSourceOf } from './source-of.ts'
import { compileStraight } from './straight.ts'
import { compileWhere } from './where.ts'

export interface MappingSource {
  readonly plan: Plan
  readonly mapping: Mapping
  /** The table it writes to. */
  readonly table: TableDefinition
  readonly transforms: ReadonlyMap<string, Transform>
  readonly decoders: ReadonlyMap<string, Decoder>
}

/** What only compiling a mapping finds wrong with it: arguments that make no sense, a condition that is none. */
export class MappingError extends Error {
  readonly diagnostics: readonly Diagnostic[]
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((it) => it.message).join(' '))
    this.diagnostics = diagnostics
  }
}

/** Compiles a mapping, once, into what makes rows of entries and entries of rows. Throws MappingError with everything that is wrong. */
export function compileMapping({
  plan,
  mapping,
  table,
  transforms,
  decoders,
}: MappingSource): CompiledMapping {
  const problems: Diagnostic[] = []
  const attempt = <T>(at: Position, compile: () => T): T | undefined => {
    try {
      return compile()
    } catch (error) {
      if (!(error instanceof ArgumentError) && !(error instanceof CelError)) throw error
      const code = error instanceof CelError ? 'KV036' : 'KV032'
      problems.push({ severity: 'error', code, message: error.message, at })
      return undefined
    }
  }

  const captures = captureNames(mapping.match)
  const group = compileGroup(plan, mapping)
  const columns = mapping.fields.map((field) => columnOf(table, field.column))
  const context = { transforms, captures, taken: group.named }
  const evaluators = mapping.fields.map(({ expression, at }) =>
    attempt(at, () => compileExpression(expression, context)),
  )
  const { where: condition } = mapping
  const where = condition && attempt(condition.at, () => compileWhere(condition.cel, captures))
  const decoding = attempt(mapping.at, () =>
    compileDecoding(mapping.decode, { decoders, policy: mapping.text, captures }),
  )
  const fieldDecodings = attempt(mapping.at, () =>
    [...(mapping.decodeFields ?? [])].map(
      ([field, steps]) =>
        [field, compileDecoding(steps, { decoders, policy: mapping.text, captures })] as const,
    ),
  )
  const decodings = new Map(fieldDecodings)
  const records =
    decoding &&
    attempt(mapping.at, () =>
      compileRecords(mapping, {
        decoding,
        decodings,
        pieces: mapping.chunks && compilePieces(mapping.chunks, captures),
        transforms,
        fields: neededFields(mapping, where?.fields),
      }),
    )
  if (problems.length > 0 || !decoding || !records) throw new MappingError(problems)
  const lineages = compileLineages(mapping, transforms)

  const inKey = new Set([...table.primaryKey, ...mapping.key])
  // What one record does not give another may.
  const merged = new Set(mapping.merge?.map((it) => it.column))
  const required = columns.map((it) => (it.notNull && !merged.has(it.name)) || inKey.has(it.name))
  const converters = columns.map((it, place) => toCell(it, required[place]!))
  const matcher = compileKeyPattern(mapping.match)
  const lookups = [...lookupsOf(mapping), ...(where?.lookups ?? []), ...computedLookups(mapping, captures)]
  const asking = mapping.fields.flatMap(({ expression }, place) =>
    expression.kind === 'cel' || lookupsIn(expression).length > 0 ? [evaluators[place]!] : [],
  )
  const way = compileInverse({ mapping, columns, lineages, decoding, decodings })
  // A record is not told from the row that it was merged into; only where nothing else is there can one stand for all.
  const inverse = merged.size === 0 ? way.inverse : undefined
  const rewrite = mapping.write ? way.inverse : undefined
  const oneWay = [
    ...way.oneWay,
    ...(mapping.merge ?? [])
      .filter(({ column }) => columns.some((it) => it.name === column))
      .map(({ column, by }) => ({ column, why: `made of several records (${by})` })),
  ]
  const sourceOf = isInjective({ mapping, columns, lineages })
    ? compileSourceOf({ mapping, columns, lineages })
    : undefined
  return {
    plan: plan.name,
    mapping,
    table,
    columns,
    keyIndexes: mapping.key.map((name) => columns.findIndex((it) => it.name === name)),
    grain: grainOf(plan, mapping),
    types: acceptedTypes(mapping),
    injective: sourceOf !== undefined,
    takesExpiry: group.takesExpiry,
    lookups: [...keysOf(lookups, mapping, { wide: true }), ...piecesOf(mapping, { wide: true })],
    lookupKeys: [...keysOf(lookups, mapping, { wide: false }), ...piecesOf(mapping, { wide: false })],
    ...((lookups.length > 0 || mapping.chunks) && {
      ask: compileAsk({ matcher, records, where: where?.test }, asking),
    }),
    oneWay,
    back: { lineages, decoding, decodings },
    forward: compileForward({
      mapping,
      matcher,
      spans: compileKeySpans(mapping.match),
      records,
      where: where?.test,
      columns: columns.map((it) => it.name),
      evaluators: evaluators as Evaluate[],
      converters,
      straight: compileStraight({
        mapping,
        columns,
        required,
        evaluators: evaluators as Evaluate[],
        converters,
        taken: group.record,
      }),
      taken: { record: group.record, whole: insideOf(mapping.each) ? group.whole : 'all' },
      dropped: droppedNames(group.members),
      takesFieldExpiry: group.takesFieldExpiry,
    }),
    ...(inverse && { inverse }),
    ...(rewrite && { rewrite }),
    ...(sourceOf && { sourceOf }),
  }
}

/** Lookups of columns that CEL computes. */
const computedLookups = ({ fields }: Mapping, captures: readonly string[]): readonly Lookup[] =>
  fields.flatMap(({ expression: it }) => (it.kind === 'cel' ? compileComputed(it.cel, captures).lookups : []))

const piecesOf = ({ chunks, match }: Mapping, options: { readonly wide: boolean }): readonly KeyPattern[] =>
  chunks ? [chunkPattern(chunks, match, options)] : []

function columnOf(table: TableDefinition, name: string): ColumnDefinition {
  const column = table.columns.find((it) => it.name === name)
  if (!column) throw new Error(`table ${showTable(table.name)} has no column ${name}`)
  return column
}

/** Fields of a hash whose values have to be decoded. */
function neededFields(
  mapping: Mapping,
  asked: ReadonlySet<string> | 'all' = new Set(),
): ReadonlySet<string> | 'all' {
  const needed = new Set<string>(asked === 'all' ? [] : asked)
  if (asked === 'all' || (!insideOf(mapping.each) && fieldsRead(mapping).rest)) return 'all'
  for (const [first] of [
    ...wholeRead(mapping),
    ...(insideOf(mapping.each) ? [] : fieldsRead(mapping).looks),
  ]) {
    if (typeof first !== 'string') return 'all'
    needed.add(first)
  }
  return needed
}

/** What decoding may pass over without a word: what one of those that read the entry drops. */
function droppedNames(members: readonly Mapping[]): ReadonlySet<string> | 'all' {
  if (members.some((it) => it.unmapped?.fields === 'all')) return 'all'
  return new Set(
    members.flatMap(({ unmapped }) =>
      unmapped && unmapped.fields !== 'all' ? unmapped.fields.map((it) => showField(withStars(it))) : [],
    ),
  )
}
