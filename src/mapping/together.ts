import { EACH, type Mapping } from '../plan/plan.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import type { Row, Value } from '../value.ts'
import { acceptedType } from './accepted-types.ts'
import {
  isKeptElsewhere,
  millisOf,
  pairsOf,
  putAt,
  type Reader,
  readersOf,
  recordOf,
  type Source,
  sourcesOf,
} from './inverse.ts'
import { keepsApart } from './lineage.ts'
import type { CompiledMapping } from './mapping.ts'
import { textOf } from './text-of.ts'

/** The way back from the rows of several mappings that read the same entries, each of which has a part of them. */
export interface Together {
  /** What is lost, by table and column (`*`: not for want of a column); empty where nothing is. */
  readonly oneWay: readonly Loss[]
  /** The value and the expiry that these rows came from, in canonical form. Absent where something is lost. */
  readonly inverse?: (rows: readonly RowOf[]) => Pick<Entry, 'value' | 'expiresAt'>
}

export interface Loss {
  readonly table: string
  readonly column: string
  readonly why: string
}

export interface RowOf {
  readonly mapping: CompiledMapping
  readonly row: Row
}

/**
 * Puts an entry together again of all its rows: fields of mappings that have the record as a whole, and lists and objects inside of it of
 * mappings that make records of their elements (`each: tags[*]`). A list of which there are no elements comes back empty, and NULL is left
 * out. For a mapping that is alone this is its `inverse`.
 */
export function compileTogether(members: readonly CompiledMapping[]): Together {
  const wholes = members.filter((it) => it.mapping.each === undefined)
  const inner = members.filter((it) => it.mapping.each !== undefined)
  const sources = wholes.flatMap((member) =>
    sourcesOf(member.columns, member.back.lineages).map((source) => ({ member, source })),
  )
  // What `where` says no to has no row of this mapping, and then somebody else has to have it.
  const kept = sources.filter(({ member }) => !member.mapping.where).map((it) => it.source)
  const keptPaths = kept.filter((it) => it.root === 'value' && it.back !== undefined && !it.isRest)
  const lists = inner.filter((it) => !keptPaths.some((whole) => leadsTo(whole.path, pathOf(it.mapping))))
  const oneWay = [
    ...lossesOfAll(members, wholes),
    ...sources.flatMap(({ member, source }) => lossOf(member, source, kept)),
    ...lists.flatMap((it) => lossesInside(it, lists, kept)),
  ]
  if (oneWay.length > 0) return { oneWay }
  const [first] = members
  const { decoding, decodings } = first!.back
  const type = acceptedType(first!.mapping) as 'string' | 'hash'
  const backs = wholes.map((member) => ({
    member,
    readers: readersOf(member.columns, sourcesOf(member.columns, member.back.lineages)),
  }))
  const inside = lists.map(compileInside)
  const recordIn = (rows: readonly RowOf[]): Value => {
    const record = new Map<string, Value>()
    for (const { member, readers } of backs) {
      const row = rows.find((it) => it.mapping === member)?.row
      if (!row) continue
      const part = recordOf(row, readers)
      // One that keeps the value as a whole has all there is.
      if (!(part instanceof Map)) return part
      merge(record, part as Map<string, Value>)
    }
    for (const { member, path, elements } of inside) {
      const found = elements(rows.flatMap((it) => (it.mapping === member ? [it.row] : [])))
      if (found.size > 0 || isThere(record, path)) putAt(record, path, found.value)
    }
    return record
  }
  return {
    oneWay,
    inverse: (rows) => {
      const value = recordIn(rows)
      const entry: EntryValue =
        type === 'string'
          ? { type, bytes: decoding.encode!(value) }
          : { type, pairs: pairsOf(value, decodings) }
      return { value: entry, expiresAt: expiryOf(rows) }
    },
  }
}

/** What no member can do anything about. */
function lossesOfAll(
  members: readonly CompiledMapping[],
  wholes: readonly CompiledMapping[],
): readonly Loss[] {
  const [first] = members
  const { mapping, back } = first!
  const whole = (why: string): Loss => ({ table: first!.table.name.table, column: '*', why })
  const type = acceptedType(mapping)
  if (type !== 'string' && (type !== 'hash' || mapping.decode.length > 0))
    return [whole('several mappings read the same entries, and these are put together by nobody')]
  if (members.some((it) => it.mapping.each !== undefined && pathOf(it.mapping) === undefined))
    return [
      whole('several mappings read the same entries, one of them deeper inside than it could be put back'),
    ]
  if (!wholes.some((it) => !it.mapping.where))
    return [whole('several mappings read the same entries, and none has a row for each of them')]
  const ways = new Set(
    members.map((it) => JSON.stringify(it.mapping.decode.map(({ at: _, ...step }) => step))),
  )
  if (ways.size > 1) return [whole('several mappings read the same entries, and decode them otherwise')]
  const losses = members.flatMap((it) => [...it.back.decodings].map(([field, one]) => [field, one] as const))
  const unable = [[undefined, back.decoding] as const, ...losses].find(
    ([, it]) => it.oneWay !== undefined || !it.encode,
  )
  if (unable) return [whole(`${unable[0] ?? 'the value'}: ${unable[1].oneWay ?? 'there is no way back'}`)]
  if (mapping.chunks) return [whole('where the value was cut into pieces is forgotten')]
  return []
}

/** What a column of the record as a whole loses. */
function lossOf(
  { table, mapping }: CompiledMapping,
  source: Source,
  kept: readonly Source[],
): readonly Loss[] {
  if (source.root !== 'value' && source.root !== 'computed' && source.root !== 'expires_at') return []
  if (isKeptElsewhere(source, kept)) return []
  const why = source.loses ?? (mapping.where && 'where its where says no, nobody has it')
  return why === undefined ? [] : [{ table: table.name.table, column: source.column.name, why }]
}

/** What a mapping loses that makes records of elements. */
function lossesInside(
  member: CompiledMapping,
  lists: readonly CompiledMapping[],
  kept: readonly Source[],
): readonly Loss[] {
  const { mapping, table, columns, back } = member
  const loss = (column: string, why: string): Loss => ({ table: table.name.table, column, why })
  const path = pathOf(mapping)
  const same = lists.filter((it) => JSON.stringify(pathOf(it.mapping)) === JSON.stringify(path))
  if (same.length > 1) return [loss('*', 'another mapping makes records of the same elements')]
  if (mapping.where) return [loss('*', 'elements that its where leaves out are nowhere')]
  const sources = sourcesOf(columns, back.lineages)
  const own = sources.filter((it) => it.root === 'value')
  const around = sources
    .filter((it) => it.root === 'parent' || it.root === 'root')
    .map((it) => ({ ...it, root: 'value' }))
  const lost = [
    ...own.filter((it) => it.loses !== undefined && !isKeptElsewhere(it, own)),
    ...around.filter((it) => !isKeptElsewhere(it, kept)),
    ...sources.filter((it) => it.root === 'computed'),
  ].map((it) => loss(it.column.name, it.loses ?? 'it is gone where there are no elements'))
  if (placeOf(member) === undefined)
    return [...lost, loss('*', 'no column of its key says which element it is ($index or $name)')]
  if (!own.some((it) => it.back)) return [...lost, loss('*', 'no column keeps the elements')]
  return lost
}

/** Which element a row is: by its place in a list, or by its name in an object. Both are in the key, so no row is without. */
function placeOf({ mapping, columns, back }: CompiledMapping): 'index' | 'name' | undefined {
  const roots = sourcesOf(columns, back.lineages).flatMap((it) =>
    mapping.key.includes(it.column.name) && it.back && keepsApart(it, it.column, mapping) ? [it.root] : [],
  )
  const places = (['index', 'name'] as const).filter((it) => roots.includes(it))
  return places.length === 1 ? places[0] : undefined
}

/** Where a list or an object lies whose elements are records; undefined for elements of elements, and what transforms make. */
function pathOf({ each }: Mapping): readonly string[] | undefined {
  if (each?.kind !== 'path' || each.transforms.length > 0) return undefined
  const path = each.path.at(-1) === EACH ? each.path.slice(0, -1) : each.path
  const isSimple = path.length > 0 && path.every((it) => typeof it === 'string' && it !== EACH)
  return isSimple ? (path as readonly string[]) : undefined
}

/** Has whoever keeps what lies at `outer` all that lies at `inner`? */
const leadsTo = (outer: readonly (string | number)[], inner: readonly string[] | undefined): boolean =>
  inner !== undefined && outer.length <= inner.length && outer.every((it, at) => it === inner[at])

function compileInside(member: CompiledMapping) {
  const { mapping, columns, back } = member
  const readers = readersOf(columns, sourcesOf(columns, back.lineages))
  const place = placeOf(member)!
  const placeIn = (row: Row): string => textOf(readers.find((it) => it.root === place)!.read(row))
  const elements = (rows: readonly Row[]): { readonly size: number; readonly value: Value } => {
    const found = rows.map((row) => [placeIn(row), recordOf(row, readers)] as const)
    if (place === 'name') return { size: rows.length, value: new Map(found) }
    return {
      size: rows.length,
      value: found.sort(([a], [b]) => Number(a) - Number(b)).map(([, it]) => it),
    }
  }
  return { member, path: pathOf(mapping)!, elements }
}

/** Is there what a path goes through, before its last step? */
function isThere(record: Value, path: readonly string[]): boolean {
  if (path.length <= 1) return true
  const next = record instanceof Map ? record.get(path[0]!) : undefined
  return next instanceof Map && isThere(next, path.slice(1))
}

/** Puts the parts of a record together that several mappings have, object by object. */
function merge(into: Map<string, Value>, part: ReadonlyMap<string, Value>): void {
  for (const [name, value] of part) {
    const known = into.get(name)
    if (known instanceof Map && value instanceof Map) merge(known, value)
    else into.set(name, value)
  }
}

function expiryOf(rows: readonly RowOf[]): number | null {
  for (const { mapping, row } of rows) {
    const readers: readonly Reader[] = readersOf(
      mapping.columns,
      sourcesOf(mapping.columns, mapping.back.lineages),
    )
    const expiry = readers.find((it) => it.root === 'expires_at')
    if (expiry) return millisOf(expiry.read(row))
  }
  return null
}
