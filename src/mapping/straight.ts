import { FieldScan, FOUND } from '../json/field-scan.ts'
import type { Expression } from '../plan/expression.ts'
import type { KeyPart } from '../plan/key-pattern.ts'
import { argumentsOf, isSame } from '../plan/lookup.ts'
import { insideOf, type Mapping } from '../plan/plan.ts'
import type { ColumnDefinition, ColumnType } from '../plan/table.ts'
import type { EntryValue } from '../sources/source.ts'
import { plausibleYears } from '../transforms/epoch-transform.ts'
import { type Cell, RejectError, type Value } from '../value.ts'
import type { ToCell } from './column.ts'
import type { Evaluate } from './expression.ts'
import type { FieldTree } from './field-tree.ts'
import { fieldsRead } from './fields-read.ts'
import { isoMicros, isText, plainInteger, spells } from './plain-bytes.ts'
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
  /** A hash as one record. */
  hash(scope: RecordScope, value: HashValue, row: RowBytes): boolean
}

type HashValue = Extract<EntryValue, { type: 'hash' }>

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
    const captures = mapping.match.parts.filter(isNamed)
    const valued = new Set<string>()
    this.#columns = columns.map((column, at): Column => {
      const { expression } = mapping.fields[at]!
      const known = directly(expression, column.type, { captures, each: mapping.each?.kind })
      if (known?.from !== 'field') for (const name of namesIn(expression)) valued.add(name)
      return {
        ...(known ?? THROUGH_A_CELL),
        place: known?.from === 'field' ? names.indexOf(known.name) : (known?.place ?? -1),
        required: required[at]!,
        evaluate: evaluators[at]!,
        convert: converters[at]!,
      }
    })
    this.#valued = [...valued].map(placeOf)
  }

  json(scope: RecordScope, bytes: Buffer, row: RowBytes): boolean {
    return this.#isJson && this.#scan.scan(bytes) && this.#write(scope, row)
  }

  hash(scope: RecordScope, value: HashValue, row: RowBytes): boolean {
    if (this.#isJson) return false
    const { packed } = value
    return (packed ? this.#scan.packed(packed) : this.#scan.hash(value.pairs)) && this.#write(scope, row)
  }

  #write(scope: RecordScope, row: RowBytes): boolean {
    try {
      if (this.#valued.length > 0) scope.value = this.#values()
      for (let at = 0; at < this.#columns.length; at++) {
        const column = this.#columns[at]!
        if (column.from === 'field') {
          if (!this.#field(column, row)) return false
        } else if (!this.#outside(column, scope, row)) {
          row.cell(column.convert(column.evaluate(scope)))
        }
      }
      return true
    } catch (error) {
      if (error instanceof RejectError) return false
      throw error
    }
  }

  #values(): Value {
    const { found, sources, starts, ends } = this.#scan
    const values = new Map<string, Value>()
    for (const { name, place } of this.#valued) {
      if (found[place] === FOUND.nothing) continue
      values.set(
        name,
        this.#isJson
          ? this.#scan.value(place)
          : readUtf8(sources[place]!.subarray(starts[place], ends[place])),
      )
    }
    return values
  }

  /** What comes with the record. False: it is written from a cell. */
  #outside(column: Column, scope: RecordScope, row: RowBytes): boolean {
    if (column.from === 'capture' && scope.hasSpans) {
      const { key, spans } = scope
      const start = spans[2 * column.place]!
      const end = spans[2 * column.place + 1]!
      // The spans promise text and whole numbers.
      return this.#bytes(column, row, { bytes: key, start, end })
    }
    if (column.from !== 'name') return false
    const { field } = scope
    return (
      isText(field, 0, field.length) &&
      this.#bytes(column, row, { bytes: field, start: 0, end: field.length })
    )
  }

  #bytes(column: Column, row: RowBytes, { bytes, start, end }: Span): boolean {
    if (column.as === 'text') {
      if (end - start > column.most) return false
      row.text(bytes, start, end)
      return true
    }
    const value = plainInteger(bytes, start, end)
    if (!(value <= column.most && value >= -column.most - 1)) return false
    row.integer(value, column.width)
    return true
  }

  #field(column: Column, row: RowBytes): boolean {
    const { place } = column
    const found = this.#scan.found[place]!
    if (found === FOUND.nothing || found === FOUND.null) {
      if (column.required) return false
      row.cell(null)
      return true
    }
    const bytes = this.#scan.sources[place]!
    const start = this.#scan.starts[place]!
    const end = this.#scan.ends[place]!
    switch (column.as) {
      case 'text':
        if (end - start > column.most) return false
        if (found !== FOUND.text || (!this.#isJson && !isText(bytes, start, end))) return false
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
        const isWord = column.takesText && found === FOUND.text
        const value = found === FOUND.true || (isWord && spells('true', bytes, start, end))
        if (!value && found !== FOUND.false && !(isWord && spells('false', bytes, start, end))) return false
        row.cell(value)
        return true
      }
      default:
        return false
    }
  }

  /** NaN where it is none that a double holds. */
  #wholeNumber({ place, takesText }: Column, bytes: Buffer): number {
    const { found, starts, ends, numbers } = this.#scan
    if (found[place] === FOUND.integer) return numbers[place]!
    return takesText && found[place] === FOUND.text
      ? plainInteger(bytes, starts[place]!, ends[place]!)
      : Number.NaN
  }
}

interface Span {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

interface Place {
  readonly name: string
  readonly place: number
}

/** How a column is written from bytes. All have all properties: code that meets one shape only is fast. */
interface Direct {
  readonly as: 'text' | 'integer' | 'epoch' | 'iso' | 'boolean' | 'cell'
  /** Of text: bytes, which are never fewer than characters. Of an integer: the largest. */
  readonly most: number
  readonly width: 2 | 4 | 8
  readonly takesText: boolean
  readonly microsPerUnit: number
}

/** Where the bytes are: in a field, in a capture of the key, in the name of a hash's field. */
interface Known extends Direct {
  readonly from: 'field' | 'capture' | 'name' | 'nowhere'
  /** Of a field. */
  readonly name: string
  /** Of a capture, among the others. */
  readonly place: number
}

interface Column extends Known {
  readonly required: boolean
  /** The long way, for everything else. */
  readonly evaluate: Evaluate
  readonly convert: ToCell
}

const direct = (as: Direct['as'], more: Partial<Direct> = {}): Direct => ({
  as,
  most: 0,
  width: 8,
  takesText: false,
  microsPerUnit: 0,
  ...more,
})

const THROUGH_A_CELL: Known = { ...direct('cell'), from: 'nowhere', name: '', place: -1 }

/** Until more than two hundred years from now: a number holds every microsecond, counted from anywhere. */
const EXACT_MICROS = 8e15
const PLAUSIBLE = plausibleYears([])
const MICROS: Readonly<Record<string, number>> = { epoch_s: 1_000_000, epoch_ms: 1000, epoch_us: 1 }

type Capture = Extract<KeyPart, { kind: 'capture' }>

const isNamed = (part: KeyPart): part is Capture => part.kind === 'capture' && part.name !== '_'

/** How a column is written from bytes, for the fields, captures and transforms that most plans are made of. */
function directly(
  expression: Expression,
  type: ColumnType,
  { captures, each }: { readonly captures: readonly Capture[]; readonly each: string | undefined },
): Known | undefined {
  const transform = expression.kind === 'pipe' && expression.arguments.length === 0 ? expression : undefined
  const root = transform ? transform.input : expression
  if (type.array) return undefined
  if (root.kind === 'path') {
    const [name] = root.path
    if (root.path.length > 1 || typeof name !== 'string') return undefined
    const known = kindOf(transform?.transform, type)
    return known && { ...known, from: 'field', name, place: -1 }
  }
  if (root.kind !== 'root' || root.path.length > 0) return undefined
  if (root.root === 'field') {
    const known = kindOf(transform?.transform, type)
    return each === 'field' && known?.as === 'text'
      ? { ...known, from: 'name', name: '', place: -1 }
      : undefined
  }
  const capture = captures.find((it) => it.name === root.root)
  if (!capture || transform) return undefined
  const known = kindOf(undefined, type)
  const fits = known?.as === (capture.type === 'int' ? 'integer' : 'text')
  return known && fits ? { ...known, from: 'capture', name: '', place: captures.indexOf(capture) } : undefined
}

function kindOf(transform: string | undefined, { base, length, fraction }: ColumnType): Direct | undefined {
  const isPlain = transform === undefined
  switch (base) {
    case 'text':
      return isPlain ? direct('text', { most: Number.POSITIVE_INFINITY }) : undefined
    case 'varchar':
      return isPlain ? direct('text', { most: length ?? Number.POSITIVE_INFINITY }) : undefined
    case 'smallint':
    case 'integer':
    case 'bigint':
      return isPlain || transform === 'int'
        ? direct('integer', { ...INTEGERS[base], takesText: !isPlain })
        : undefined
    case 'boolean':
      return isPlain || transform === 'bool' ? direct('boolean', { takesText: !isPlain }) : undefined
    case 'timestamptz':
    case 'timestamp': {
      if (isPlain || (fraction ?? 6) !== 6) return undefined
      if (transform === 'iso') return direct('iso')
      const microsPerUnit = MICROS[transform]
      return microsPerUnit === undefined ? undefined : direct('epoch', { microsPerUnit, takesText: true })
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
