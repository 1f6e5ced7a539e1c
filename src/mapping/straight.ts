import { isUtf8 } from 'node:buffer'
import { daysOf } from '../calendar.ts'
import { FieldScan, FOUND } from '../json/field-scan.ts'
import type { Expression } from '../plan/expression.ts'
import { argumentsOf, isSame } from '../plan/lookup.ts'
import { insideOf, type Mapping } from '../plan/plan.ts'
import type { ColumnDefinition, ColumnType } from '../plan/table.ts'
import { plausibleYears } from '../transforms/epoch-transform.ts'
import { type Cell, RejectError, type Value } from '../value.ts'
import type { ToCell } from './column.ts'
import type { Evaluate } from './expression.ts'
import type { FieldTree } from './field-tree.ts'
import { fieldsRead } from './fields-read.ts'
import type { RecordScope } from './record.ts'
import { readUtf8 } from './utf8.ts'

/** Takes the columns of one row, in order, as the bytes of a binary COPY (`TupleWriter`). */
export interface RowBytes {
  begin(): void
  end(): void
  cancel(): void
  cell(cell: Cell): void
  text(bytes: Buffer, start: number, end: number): void
  integer(value: number, width: 2 | 4 | 8): void
  moment(micros: number): void
}

/**
 * The short way from a stored record to its row: the fields that columns take are found in the bytes and copied or converted one by one,
 * and no value is made of what need not be one. It takes usual records only. Whatever is out of the ordinary (a field nobody takes, a
 * value its column does not hold, odd JSON) it leaves alone: false, and the long way decides, and says why.
 */
export interface Straight {
  /** A JSON text. */
  json(scope: RecordScope, bytes: Buffer, row: RowBytes): boolean
  /** A hash as one record: field, value, field, value … */
  pairs(scope: RecordScope, pairs: readonly Buffer[], row: RowBytes): boolean
}

export interface StraightParts {
  readonly mapping: Mapping
  readonly columns: readonly ColumnDefinition[]
  readonly required: readonly boolean[]
  readonly evaluators: readonly Evaluate[]
  readonly converters: readonly ToCell[]
  /** What of a record need not be told as unmapped. */
  readonly taken: FieldTree
}

/** Undefined for a mapping that looks at its records in another way than field by field. */
export function compileStraight(parts: StraightParts): Straight | undefined {
  const { mapping, taken } = parts
  const { record, around, rest, uses } = fieldsRead(mapping)
  const decoding = mapping.decode.map((it) => it.name).join()
  const isUsual =
    mapping.where === undefined &&
    mapping.text === 'reject' &&
    insideOf(mapping.each) === undefined &&
    mapping.chunks === undefined &&
    mapping.decodeFields === undefined &&
    mapping.decode.every((it) => it.when === undefined) &&
    (decoding === 'json' || decoding === '') &&
    mapping.fields.every(({ expression }) => isOfFields(expression)) &&
    around.length === 0 &&
    !rest &&
    uses === 'fields'
  if (!isUsual) return undefined
  const named = taken === 'all' ? new Map<string, FieldTree>() : taken.fields
  const others = taken === 'all' || taken.others === 'all'
  if (taken !== 'all' && (taken.others !== undefined) !== others) return undefined
  // What lies inside a field that is taken in part would have to be looked at.
  if ([...named.values()].some((it) => it !== 'all')) return undefined
  const names = [...new Set([...named.keys(), ...record.map(([first]) => first)])]
  if (!names.every((it) => typeof it === 'string')) return undefined
  return new FieldByField(parts, names, others)
}

class FieldByField implements Straight {
  readonly #scan: FieldScan
  readonly #columns: readonly Column[]
  /** Fields of which values are made, for the columns that want one. */
  readonly #valued: readonly Place[]
  readonly #isJson: boolean

  constructor(parts: StraightParts, names: readonly string[], others: boolean) {
    const { mapping, columns, required, evaluators, converters } = parts
    this.#isJson = mapping.decode.length > 0
    this.#scan = new FieldScan(names, { others })
    const placeOf = (name: string): Place => ({ name, place: names.indexOf(name) })
    const valued = new Set<string>()
    this.#columns = columns.map((column, at): Column => {
      const { expression } = mapping.fields[at]!
      const known = directly(expression, column.type)
      if (known) return { ...known, ...placeOf(known.name), required: required[at]! }
      for (const name of namesIn(expression)) valued.add(name)
      return { as: 'cell', evaluate: evaluators[at]!, convert: converters[at]! }
    })
    this.#valued = [...valued].map(placeOf)
  }

  json(scope: RecordScope, bytes: Buffer, row: RowBytes): boolean {
    return this.#isJson && this.#scan.scan(bytes) && this.#write(scope, row)
  }

  pairs(scope: RecordScope, pairs: readonly Buffer[], row: RowBytes): boolean {
    return !this.#isJson && this.#scan.hash(pairs) && this.#write(scope, row)
  }

  #write(scope: RecordScope, row: RowBytes): boolean {
    try {
      if (this.#valued.length > 0) scope.value = this.#values()
      for (const column of this.#columns) {
        if (column.as === 'cell') row.cell(column.convert(column.evaluate(scope)))
        else if (!this.#field(column, row)) return false
      }
      return true
    } catch (error) {
      if (error instanceof RejectError) return false
      throw error
    }
  }

  #values(): Value {
    const { found, sources } = this.#scan
    const values = new Map<string, Value>()
    for (const { name, place } of this.#valued) {
      if (found[place] === FOUND.nothing) continue
      values.set(name, this.#isJson ? this.#scan.value(place) : readUtf8(sources[place]!))
    }
    return values
  }

  #field(column: DirectColumn, row: RowBytes): boolean {
    const { place } = column
    const found = this.#scan.found[place]!
    const bytes = this.#scan.sources[place]!
    const start = this.#scan.starts[place]!
    const end = this.#scan.ends[place]!
    if (found === FOUND.nothing || found === FOUND.null) {
      if (column.required) return false
      row.cell(null)
      return true
    }
    switch (column.as) {
      case 'text':
        if (end - start > column.most) return false
        if (found !== FOUND.text || (!this.#isJson && !isText(bytes))) return false
        row.text(bytes, start, end)
        return true
      case 'integer': {
        const value = this.#wholeNumber(column, bytes)
        if (!(value <= column.most && value >= -column.most - 1)) return false
        row.integer(value, column.width)
        return true
      }
      case 'epoch': {
        const micros = this.#wholeNumber(column, bytes) * column.microsPerUnit
        if (!(micros >= PLAUSIBLE.from && micros < PLAUSIBLE.to && Number.isSafeInteger(micros))) return false
        row.moment(micros)
        return true
      }
      case 'iso': {
        const micros = found === FOUND.text ? isoMicros(bytes, start, end) : Number.NaN
        if (!(Math.abs(micros) < EXACT_MICROS)) return false
        row.moment(micros)
        return true
      }
      case 'boolean': {
        const value =
          found === FOUND.true ||
          (column.takesText && found === FOUND.text && spells('true', bytes, start, end))
        const isFalse =
          found === FOUND.false ||
          (column.takesText && found === FOUND.text && spells('false', bytes, start, end))
        if (!value && !isFalse) return false
        row.cell(value)
        return true
      }
    }
  }

  /** NaN where it is none that a double holds. */
  #wholeNumber({ place, takesText }: DirectColumn & { readonly takesText: boolean }, bytes: Buffer): number {
    const { found, starts, ends, numbers } = this.#scan
    if (found[place] === FOUND.integer) return numbers[place]!
    return takesText && found[place] === FOUND.text
      ? plainInteger(bytes, starts[place]!, ends[place]!)
      : Number.NaN
  }
}

interface Place {
  readonly name: string
  readonly place: number
}

/** What can be written from the bytes of one field. */
type Direct =
  /** `most`: bytes, which are never fewer than characters. */
  | { readonly as: 'text'; readonly most: number }
  | { readonly as: 'integer'; readonly width: 2 | 4 | 8; readonly most: number; readonly takesText: boolean }
  | { readonly as: 'epoch'; readonly microsPerUnit: number; readonly takesText: true }
  | { readonly as: 'iso' }
  | { readonly as: 'boolean'; readonly takesText: boolean }

type DirectColumn = Direct & Place & { readonly required: boolean }

type Column =
  | DirectColumn
  /** Everything else: through the expression and converter of the long way. */
  | { readonly as: 'cell'; readonly evaluate: Evaluate; readonly convert: ToCell }

/** Until more than two hundred years from now: a number holds every microsecond, counted from anywhere. */
const EXACT_MICROS = 8e15
const PLAUSIBLE = plausibleYears([])
const MICROS: Readonly<Record<string, number>> = { epoch_s: 1_000_000, epoch_ms: 1000, epoch_us: 1 }

/** How a column is written from the bytes of its field, for the fields and transforms that most plans are made of. */
function directly(
  expression: Expression,
  type: ColumnType,
): (Direct & { readonly name: string }) | undefined {
  const transform = expression.kind === 'pipe' && expression.arguments.length === 0 ? expression : undefined
  const path = transform ? transform.input : expression
  if (path.kind !== 'path' || path.path.length > 1 || typeof path.path[0] !== 'string' || type.array)
    return undefined
  const known = kindOf(transform?.transform, type)
  return known && { ...known, name: path.path[0] }
}

function kindOf(transform: string | undefined, { base, length, fraction }: ColumnType): Direct | undefined {
  const isPlain = transform === undefined
  switch (base) {
    case 'text':
      return isPlain ? { as: 'text', most: Number.POSITIVE_INFINITY } : undefined
    case 'varchar':
      return isPlain ? { as: 'text', most: length ?? Number.POSITIVE_INFINITY } : undefined
    case 'smallint':
    case 'integer':
    case 'bigint':
      return isPlain || transform === 'int'
        ? { as: 'integer', ...INTEGERS[base], takesText: !isPlain }
        : undefined
    case 'boolean':
      return isPlain || transform === 'bool' ? { as: 'boolean', takesText: !isPlain } : undefined
    case 'timestamptz':
    case 'timestamp': {
      if (isPlain || (fraction ?? 6) !== 6) return undefined
      if (transform === 'iso') return { as: 'iso' }
      const microsPerUnit = MICROS[transform]
      return microsPerUnit === undefined ? undefined : { as: 'epoch', microsPerUnit, takesText: true }
    }
    default:
      return undefined
  }
}

const INTEGERS = {
  smallint: { width: 2, most: 32_767 },
  integer: { width: 4, most: 2_147_483_647 },
  // All that a double holds.
  bigint: { width: 8, most: Number.MAX_SAFE_INTEGER },
} as const

/** Does it look at nothing but fields, what comes with the record, and constants? */
function isOfFields(expression: Expression): boolean {
  switch (expression.kind) {
    case 'cel':
      return false
    case 'call':
      return (
        expression.name === 'const' || (isSame(expression.name) && argumentsOf(expression).every(isOfFields))
      )
    case 'pipe':
      return isOfFields(expression.input)
    case 'coalesce':
      return expression.options.every(isOfFields)
    default:
      return true
  }
}

/** The first names of the paths in an expression. */
function namesIn(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case 'path':
      return [String(expression.path[0])]
    case 'pipe':
      return namesIn(expression.input)
    case 'coalesce':
      return expression.options.flatMap(namesIn)
    case 'call':
      return argumentsOf(expression).flatMap(namesIn)
    default:
      return []
  }
}

/** Can a text column hold it? */
function isText(bytes: Buffer): boolean {
  let isAscii = true
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === 0) return false
    if (byte >= 0x80) isAscii = false
  }
  return isAscii || isUtf8(bytes)
}

/** `0`, or digits without leading zeros that a double holds, perhaps behind a minus sign; else NaN. */
function plainInteger(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === 0x2d
  const first = isNegative ? start + 1 : start
  if (end <= first || end - first > 16 || (bytes[first] === 0x30 && (isNegative || end > first + 1)))
    return Number.NaN
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  if (!Number.isSafeInteger(value)) return Number.NaN
  return isNegative ? -value : value
}

function spells(word: string, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== word.length) return false
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word.charCodeAt(at)) return false
  return true
}

// `2026-01-08T10:00:00Z`, and with a point and one to six digits before the Z.
const SECONDS_END = 19
const LONGEST = 27

/** Microseconds since 1970 of a time as JSON.stringify writes a Date; NaN for every other form. */
function isoMicros(bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length <= SECONDS_END || length > LONGEST || bytes[end - 1] !== 0x5a) return Number.NaN
  for (const [at, sign] of ISO_SIGNS) if (bytes[start + at] !== sign) return Number.NaN
  const hours = digits(bytes, start + 11, 2)
  const minutes = digits(bytes, start + 14, 2)
  const seconds = digits(bytes, start + 17, 2)
  const days = daysOf(digits(bytes, start, 4), digits(bytes, start + 5, 2), digits(bytes, start + 8, 2))
  if (days === undefined || !(hours <= 23 && minutes <= 59 && seconds <= 59)) return Number.NaN
  const places = length - SECONDS_END - 2
  if (length > SECONDS_END + 1 && (bytes[start + SECONDS_END] !== 0x2e || places === 0)) return Number.NaN
  const fraction = places > 0 ? digits(bytes, start + SECONDS_END + 1, places) * 10 ** (6 - places) : 0
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction
}

const ISO_SIGNS = [
  [4, 0x2d],
  [7, 0x2d],
  [10, 0x54],
  [13, 0x3a],
  [16, 0x3a],
] as const

function digits(bytes: Buffer, start: number, count: number): number {
  let value = 0
  for (let at = start; at < start + count; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}
