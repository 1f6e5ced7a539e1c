import { insideOf, isWhole, type Mapping } from '../plan/plan.ts'
import type { ColumnDefinition } from '../plan/table.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import { Instant, type Row, type Value } from '../value.ts'
import { acceptedType } from './accepted-types.ts'
import type { Decoding } from './decode.ts'
import { fromCell } from './from-cell.ts'
import { keepsApart, type Lineage, partsOf } from './lineage.ts'
import type { BackParts, CompiledMapping } from './mapping.ts'
import { keyFrom, textOf } from './text-of.ts'

export interface InverseParts extends BackParts {
  readonly mapping: Mapping
  readonly columns: readonly ColumnDefinition[]
}

/**
 * The way back from rows to their entry, or why there is none. The entry comes in canonical form: NULL is left out, numbers and times are
 * written in one way, a record is no more than its columns. `forward` makes the same rows of it.
 */
export function compileInverse(parts: InverseParts): Pick<CompiledMapping, 'oneWay' | 'inverse'> {
  const { mapping, columns, lineages, decoding, decodings } = parts
  const sources = sourcesOf(columns, lineages)
  const lossy = sources.flatMap((it) =>
    it.loses !== undefined && !isKeptElsewhere(it, sources)
      ? [{ column: it.column.name, why: it.loses }]
      : [],
  )
  const oneWay = [
    ...lossy,
    ...wholeLosses(mapping, sources, decoding).map((why) => ({ column: WHOLE, why })),
    ...[...decodings].flatMap(([field, { encode, oneWay: why }]) =>
      encode && why === undefined
        ? []
        : [{ column: WHOLE, why: `${field}: ${why ?? 'there is no way back'}` }],
    ),
  ]
  const type = acceptedType(mapping)
  if (type === undefined) oneWay.push({ column: WHOLE, why: 'the type of the entry is not said' })
  if (oneWay.length > 0 || type === undefined) return { oneWay }
  const readers = readersOf(columns, sources)
  return { oneWay, inverse: (rows) => entryOf(rows, { mapping, readers, decoding, decodings, type }) }
}

/** Stands for the entry as a whole where the loss is not in a column. */
const WHOLE = '*'

type Part = Extract<Lineage, { kind: 'part' }>

/** A place of the entry, and the column that has what stood there. */
export interface Source extends Part {
  readonly column: ColumnDefinition
}

export interface Reader extends Pick<Part, 'root' | 'path' | 'isRest'> {
  read(row: Row): Value
}

export const sourcesOf = (
  columns: readonly ColumnDefinition[],
  lineages: readonly Lineage[],
): readonly Source[] =>
  lineages.flatMap((it, index) => partsOf(it).map((part) => ({ ...part, column: columns[index]! })))

/** What gives back what stood in these places, where it can. */
export const readersOf = (
  columns: readonly ColumnDefinition[],
  sources: readonly Source[],
): readonly Reader[] =>
  sources.flatMap(({ column, ...it }): readonly Reader[] => {
    if (!it.back) return []
    const [cellToValue, back, index] = [fromCell(column.type), it.back, columns.indexOf(column)]
    return [{ ...it, read: (row) => back(cellToValue(row[index]!)) }]
  })

const sameSource = (a: Part, b: Part): boolean =>
  a.root === b.root &&
  a.isRest === b.isRest &&
  a.path.length === b.path.length &&
  a.path.every((it, index) => it === b.path[index])

export const isKeptElsewhere = (part: Part, sources: readonly Part[]): boolean =>
  sources.some((it) => it.back !== undefined && sameSource(it, part))

/** What no column has, and an entry needs. */
function wholeLosses(mapping: Mapping, sources: readonly Source[], decoding: Decoding): string[] {
  const { match, each, decode } = mapping
  const kept = new Set(sources.flatMap((it) => (it.back ? [it.root] : [])))
  // A name that comes back in another form is another name.
  const exact = new Set(sources.flatMap((it) => (keepsApart(it, it.column, mapping) ? [it.root] : [])))
  const losses: string[] = []
  const names = exact.has('key') ? [] : match.parts.flatMap((it) => (it.kind === 'capture' ? [it.name] : []))
  for (const name of names) {
    if (exact.has(name)) continue
    const form = sources.find((it) => it.back && it.root === name)?.column
    losses.push(
      form
        ? `the key cannot be made again: ${form.name} does not keep how {${name}} was written`
        : `the key cannot be made again: no column keeps ${name === '_' ? 'its unnamed part' : `{${name}}`}`,
    )
  }
  if (insideOf(each)) losses.push('an element is only a part of the value it came from')
  else if (!sources.some((it) => it.root === 'value')) losses.push('no column keeps the value')
  const identity = { field: 'field', message: 'message' } as const
  if ((each?.kind === 'field' || each?.kind === 'message') && !exact.has(identity[each.kind])) {
    losses.push(`no column keeps the ${each.kind === 'field' ? 'name of the field' : 'id of the message'}`)
  }
  const isScored = acceptedType(mapping) === 'zset' && each !== undefined
  if (isScored && !kept.has('score')) losses.push('no column keeps the score')
  if (!each && (mapping.type === 'zset' || mapping.type === 'stream'))
    losses.push(`a ${mapping.type} is written element by element`)
  if (each?.kind === 'item' && !kept.has('index')) losses.push('no column keeps the order of the items')
  if (isWhole(each) && acceptedType(mapping) === 'hash' && decode.length > 0)
    losses.push('the record is one field of the hash')
  if (mapping.chunks) losses.push('where the value was cut into pieces is forgotten')
  if (decoding.oneWay !== undefined)
    losses.push(`${decode.map((it) => it.name).join(', ')}: ${decoding.oneWay}`)
  else if (!decoding.encode) losses.push(`${decode.map((it) => it.name).join(', ')} has no way back`)
  return losses
}

interface Backward {
  readonly mapping: Mapping
  readonly readers: readonly Reader[]
  readonly decoding: Decoding
  readonly decodings: ReadonlyMap<string, Decoding>
  readonly type: EntryValue['type']
}

function entryOf(
  rows: readonly Row[],
  backward: Backward,
): Pick<Entry, 'key' | 'type' | 'value' | 'expiresAt'> {
  const { readers, type } = backward
  const [first] = rows
  if (!first) throw new Error('an entry needs at least one row')
  const expiry = readers.find((it) => it.root === 'expires_at')?.read(first)
  return {
    key: keyOf(first, backward),
    type,
    value: valueOfRows(rows, backward),
    expiresAt: millisOf(expiry),
  }
}

export const millisOf = (time: Value): number | null =>
  time instanceof Instant ? Number(time.micros / 1000n) : null

const keyOf = (row: Row, { mapping, readers }: Backward): Buffer =>
  keyFrom(mapping.match, (root) => readers.find((it) => it.root === root)?.read(row))

function valueOfRows(
  rows: readonly Row[],
  { mapping, readers, decoding, decodings, type }: Backward,
): EntryValue {
  const encode = decoding.encode!
  const root = (row: Row, name: string): Value => readers.find((it) => it.root === name)?.read(row)
  const element = (row: Row): Buffer => encode(recordOf(row, readers))
  switch (type) {
    case 'string':
      return { type, bytes: element(rows[0]!) }
    case 'hash': {
      if (!mapping.each) return { type, pairs: pairsOf(recordOf(rows[0]!, readers), decodings) }
      const pairs = rows.flatMap((row) => [Buffer.from(textOf(root(row, 'field'))), element(row)])
      const expiries = rows.map((row) => millisOf(root(row, 'field_expires_at')))
      return { type, pairs, ...(expiries.some((it) => it !== null) && { expiries }) }
    }
    case 'list':
      return {
        type,
        items: mapping.each
          ? inOrder(rows, (row) => textOf(root(row, 'index'))).map(element)
          : listOf(rows[0]!, readers).map(encode),
      }
    case 'set':
      return { type, members: mapping.each ? rows.map(element) : listOf(rows[0]!, readers).map(encode) }
    case 'zset':
      return {
        type,
        members: rows.map(element),
        scores: rows.map((row) => Number(textOf(root(row, 'score')))),
      }
    case 'stream':
      return {
        type,
        messages: rows.map((row) => ({
          id: textOf(root(row, 'message')),
          pairs: pairsOf(recordOf(row, readers)),
        })),
      }
  }
}

const inOrder = (rows: readonly Row[], index: (row: Row) => string): readonly Row[] =>
  [...rows].sort((a, b) => Number(index(a)) - Number(index(b)))

function listOf(row: Row, readers: readonly Reader[]): readonly Value[] {
  const value = recordOf(row, readers)
  return Array.isArray(value) ? value : []
}

/** The record, put together from the columns that have its parts. NULL is left out. */
export function recordOf(row: Row, readers: readonly Reader[]): Value {
  const parts = readers.filter((it) => it.root === 'value')
  const whole = parts.find((it) => it.path.length === 0 && !it.isRest)
  if (whole) return whole.read(row)
  const record = new Map<string, Value>()
  for (const part of parts) {
    const value = part.read(row)
    if (value === null || value === undefined) continue
    if (part.isRest) for (const [name, item] of value as Map<string, Value>) record.set(name, item)
    else putAt(record, part.path as readonly string[], value)
  }
  return record
}

export function putAt(
  record: Map<string, Value>,
  [name = '', ...inner]: readonly string[],
  value: Value,
): void {
  if (inner.length === 0) {
    record.set(name, value)
    return
  }
  const known = record.get(name)
  const object = known instanceof Map ? (known as Map<string, Value>) : new Map<string, Value>()
  record.set(name, object)
  putAt(object, inner, value)
}

export function pairsOf(record: Value, decodings: ReadonlyMap<string, Decoding> = new Map()): Buffer[] {
  return [...(record as Map<string, Value>)].flatMap(([name, value]) => [
    Buffer.from(name),
    decodings.get(name)?.encode?.(value) ?? Buffer.from(textOf(value)),
  ])
}
