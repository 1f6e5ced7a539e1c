import { KvmigError } from '../errors.ts'
import { compileMapping } from '../mapping/compile.ts'
import type { MappingParts } from '../mapping/compiled-project.ts'
import type { Grain } from '../mapping/grain.ts'
import { groupOf } from '../mapping/group.ts'
import { compileLineages } from '../mapping/lineage.ts'
import type { CompiledMapping, RecordSink } from '../mapping/mapping.ts'
import { besideRecord } from '../plan/lookup.ts'
import type { Mapping, Plan } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import type { Change } from '../sources/change.ts'
import type { Entry } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import type { Reject, Row } from '../value.ts'

/**
 * The records of one mapping as dual-write sees them: each is one place in the source (a key, a field, a member) and one row, and either
 * can be computed from the other's key alone.
 */
export interface RecordKind {
  readonly plan: string
  readonly source: string
  readonly compiled: CompiledMapping
  /** What of an entry one record is. */
  readonly element: Grain
  /** Position among the columns of the one that takes `$expires_at`; -1 where none does. */
  readonly expiryIndex: number
  /** The place of the row with these key cells, in the order of the mapping's key. */
  placeOf(keyCells: Row): Place
  /** The key cells of the row of this place. Throws where the place is none of this mapping's. */
  keyOf(place: Place): Row
  /** What becomes of the record of this place, as the source has it. */
  forward(place: Place, entry: Entry): Forwarded
  /** What the source gets for a row. Absent where the mapping has no way back. */
  readonly changeOf?: (row: Row) => Change
}

export type Forwarded =
  /** `unmapped`: fields, or the expiry, that no column takes and that the mapping does not drop by name. */
  | { readonly fate: 'row'; readonly row: Row; readonly unmapped: readonly string[] }
  | { readonly fate: 'rejected'; readonly reject: Reject }
  /** Its `where` says no: for this mapping there is no such record. */
  | { readonly fate: 'filtered' }

/** Why dual-write cannot carry the records of a mapping. */
export interface Refusal {
  readonly mapping: string
  readonly because: string
}

/**
 * Compiles the records of a mapping, or says why they cannot be written to both sides. Refused is what would need more than one row or more
 * than one place for a record: those would have to be locked, versioned and repaired together.
 */
export function compileRecordKind(
  plan: Plan,
  compiled: CompiledMapping,
  parts: MappingParts,
  collides: boolean,
): RecordKind | Refusal {
  const { mapping, sourceOf, inverse } = compiled
  const refuse = (because: string): Refusal => ({ mapping: mapping.name, because })
  const element = elementOf(compiled)
  if (element === undefined)
    return refuse(
      mapping.each?.kind === 'item'
        ? 'each item of its entries is a record, and its place changes when others do'
        : 'one value gives several rows, and they would have to change together',
    )
  if (compiled.lookups.length > 0) return refuse('columns depend on what other keys say')
  if (groupOf(plan, mapping).length > 1)
    return refuse('several mappings read the same entries, and their rows would have to change together')
  if (collides)
    return refuse(
      `several records can give one row of ${showTable(compiled.table.name)}, and a write would have to know them all`,
    )
  if (!sourceOf) return refuse('the key of the source cannot be computed from the key of the row')
  const lineages = compileLineages(mapping, parts.transforms)
  const needsValue = mapping.key.find((name) => {
    const lineage = lineages[mapping.fields.findIndex((it) => it.column === name)]
    return lineage?.kind === 'part' && lineage.root === 'value' && element !== 'member'
  })
  if (needsValue !== undefined)
    return refuse(
      `${needsValue}, a column of the row's key, comes from the value: a write could move the row`,
    )
  const byKey = compileKeyOnly(plan, compiled, parts)
  return {
    plan: plan.name,
    source: plan.source,
    compiled,
    element,
    expiryIndex: lineages.findIndex((it) => it.kind === 'part' && it.root === 'expires_at'),
    placeOf: (cells) => sourceOf(cells),
    keyOf: (place) => {
      const made = forwardOne(byKey, place, emptyEntry(mapping, place))
      if (made.fate === 'row') return byKey.keyIndexes.map((it) => made.row[it]!)
      throw new Error(`${plan.name} ${mapping.name}: the key of a row cannot be made from a place`)
    },
    forward: (place, entry) => forwardOne(compiled, place, entry),
    ...(inverse && {
      changeOf: (row: Row): Change => {
        const { value, expiresAt } = inverse([row])
        return { do: 'put', value: value!, expiresAt }
      },
    }),
  }
}

function elementOf({ mapping: { each, type }, grain }: CompiledMapping): Grain | undefined {
  if (each === undefined) return type === 'stream' || type === 'zset' ? undefined : 'key'
  return grain === 'key' ? undefined : grain
}

/** The same mapping with nothing but the columns of the row's key: they need no value. */
function compileKeyOnly(
  plan: Plan,
  { mapping, table }: CompiledMapping,
  parts: MappingParts,
): CompiledMapping {
  const { where: _, each, ...rest } = mapping
  const only: Mapping = {
    ...rest,
    ...(each && { each }),
    decode: [],
    fields: mapping.fields
      .filter((it) => mapping.key.includes(it.column))
      .map((it) => ({ ...it, expression: besideRecord(it.expression) })),
    unmapped: { fields: 'all', expiry: true, because: 'only the key is wanted' },
  }
  return compileMapping({ plan: { ...plan, rules: [only] }, mapping: only, table, ...parts })
}

function emptyEntry({ type, each }: Mapping, { key, part }: Place): Entry {
  const name = Buffer.from(part.slice(part.indexOf(':') + 1))
  const none = Buffer.alloc(0)
  const value = ((): NonNullable<Entry['value']> => {
    if (each?.kind === 'field') return { type: 'hash', pairs: [name, none] }
    if (each?.kind === 'member')
      return type === 'zset'
        ? { type: 'zset', members: [name], scores: [0] }
        : { type: 'set', members: [name] }
    switch (type) {
      case 'hash':
        return { type, pairs: [] }
      case 'list':
        return { type, items: [] }
      case 'set':
        return { type, members: [] }
      default:
        return { type: 'string', bytes: none }
    }
  })()
  return { key, type: value.type, value, expiresAt: null, offset: 0, more: false }
}

function forwardOne(compiled: CompiledMapping, { part }: Place, entry: Entry): Forwarded {
  if (!(compiled.types as readonly string[]).includes(entry.type))
    return {
      fate: 'rejected',
      reject: {
        code: 'KEY_TYPE_MISMATCH',
        message: `Expected a ${compiled.types.join(' or ')}, found a ${entry.type}.`,
      },
    }
  let found: Forwarded | undefined
  const unmapped: string[] = []
  const sink: RecordSink = {
    row: (row, of) => {
      if (of() === part) found = { fate: 'row', row, unmapped }
    },
    reject: (reject) => {
      found ??= { fate: 'rejected', reject }
    },
    filtered: () => {},
    unmapped: (field) => unmapped.push(field),
  }
  return compiled.forward(entry, sink) === 'filtered' ? { fate: 'filtered' } : (found ?? { fate: 'filtered' })
}

/** For people: a plan, and its mapping where that is called otherwise. */
export const nameOf = ({ plan, compiled: { mapping } }: RecordKind): string =>
  mapping.name === plan ? plan : `${plan} ${mapping.name}`

export const oneWay = (kind: RecordKind): KvmigError =>
  new KvmigError(
    'ONE_WAY',
    `${nameOf(kind)} has no way back from a row to the source: ${kind.compiled.oneWay.map((it) => `${it.column}: ${it.why}`).join('; ')}.`,
    {
      hint: 'Write it through the wrapped client, whose commands hold the source form, or keep that in a column.',
    },
  )
