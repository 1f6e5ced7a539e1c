import type { Diagnostic, Position } from '../diagnostic.ts'
import { captureNames } from '../plan/key-pattern.ts'
import type { Mapping, Plan } from '../plan/plan.ts'
import { type ColumnDefinition, showTable, type TableDefinition } from '../plan/table.ts'
import { ArgumentError, type Transform } from '../transforms/transform.ts'
import { acceptedTypes } from './accepted-types.ts'
import { toCell } from './column.ts'
import { compileDecoding, type Decoder } from './decode.ts'
import { compileExpression, type Evaluate } from './expression.ts'
import { showField, withStars } from './field-tree.ts'
import { fieldsRead } from './fields-read.ts'
import { compileForward } from './forward.ts'
import { compileGroup, wholeRead } from './group.ts'
import { compileInverse } from './inverse.ts'
import { compileKeyPattern } from './key-match.ts'
import { compileLineages, isInjective } from './lineage.ts'
import type { CompiledMapping } from './mapping.ts'
import { compileRecords } from './records.ts'
import { compileSourceOf } from './source-of.ts'
import { compileStraight } from './straight.ts'
import { compileWhere, WhereError } from './where.ts'

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
      if (!(error instanceof ArgumentError) && !(error instanceof WhereError)) throw error
      const code = error instanceof WhereError ? 'KV036' : 'KV032'
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
  const decoding = attempt(mapping.at, () => compileDecoding(mapping.decode, decoders, mapping.text))
  const records =
    decoding &&
    attempt(mapping.at, () =>
      compileRecords(mapping, { decoding, transforms, fields: neededFields(mapping, where?.fields) }),
    )
  if (problems.length > 0 || !decoding || !records) throw new MappingError(problems)
  const lineages = compileLineages(mapping, transforms)

  const inKey = new Set([...table.primaryKey, ...mapping.key])
  const required = columns.map((it) => it.notNull || inKey.has(it.name))
  const converters = columns.map((it, place) => toCell(it, required[place]!))
  const matcher = compileKeyPattern(mapping.match)
  const { inverse, oneWay } = compileInverse({ mapping, columns, lineages, decoding })
  const sourceOf = isInjective({ mapping, columns, lineages })
    ? compileSourceOf({ mapping, columns, lineages })
    : undefined
  return {
    plan: plan.name,
    mapping,
    table,
    columns,
    keyIndexes: mapping.key.map((name) => columns.findIndex((it) => it.name === name)),
    types: acceptedTypes(mapping),
    injective: sourceOf !== undefined,
    takesExpiry: group.takesExpiry,
    oneWay,
    forward: compileForward({
      mapping,
      matcher,
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
      taken: { record: group.record, whole: mapping.each?.kind === 'path' ? group.whole : 'all' },
      dropped: droppedNames(mapping),
      takesFieldExpiry: group.takesFieldExpiry,
    }),
    ...(inverse && { inverse }),
    ...(sourceOf && { sourceOf }),
  }
}

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
  if (asked === 'all' || (mapping.each?.kind !== 'path' && fieldsRead(mapping).rest)) return 'all'
  for (const [first] of wholeRead(mapping)) {
    if (typeof first !== 'string') return 'all'
    needed.add(first)
  }
  return needed
}

/** What decoding may pass over without a word. */
function droppedNames({ unmapped }: Mapping): ReadonlySet<string> | 'all' {
  if (unmapped?.fields === 'all') return 'all'
  return new Set(unmapped?.fields.map((it) => showField(withStars(it))))
}
