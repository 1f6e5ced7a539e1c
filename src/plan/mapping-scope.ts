import type { ValueKind } from '../value.ts'
import type { PlanCatalog } from './catalog.ts'
import type { Expression } from './expression.ts'
import type { ExpressionScope, RecordShape } from './expression-kind.ts'
import { argumentsOf } from './lookup.ts'
import type { EntryType, Mapping } from './plan.ts'

/**
 * What the expressions of a mapping can see: its captures, the roots that its type and `each` bring, and what bare paths go into.
 * Here is what the language says about records, in one place.
 */
export function scopeOf(mapping: Mapping, catalog: PlanCatalog): ExpressionScope {
  const { record, roots } = recordOf(mapping, catalog)
  const captures = mapping.match.parts.flatMap((part): (readonly [string, ValueKind])[] =>
    part.kind === 'capture' && part.name !== '_' ? [[part.name, CAPTURES[part.type] ?? 'text']] : [],
  )
  const all = new Map<string, ValueKind>([['key', 'text'], ['expires_at', 'instant'], ...roots, ...captures])
  const decoded = new Map(
    [...(mapping.decodeFields ?? [])].map(([field, decode]) => [field, decodedKind({ decode }, catalog)]),
  )
  return {
    transforms: catalog.transforms,
    roots: all,
    absentRoots: ABSENT,
    record,
    ...(decoded.size > 0 && { decoded }),
  }
}

/** The kind of value that a mapping's decode chain gives. */
export function decodedKind({ decode }: Pick<Mapping, 'decode'>, { decoders }: PlanCatalog): ValueKind {
  const last = decode.at(-1)
  if (last?.when) return 'any'
  return last ? (decoders.get(last.name)?.gives ?? 'any') : 'text'
}

/** The types of entries that each way of `each` reads. */
export const TYPES = {
  field: ['hash'],
  item: ['list'],
  member: ['set', 'zset'],
  message: ['stream'],
} as const satisfies Readonly<Record<string, readonly EntryType[]>>

const CAPTURES: Readonly<Record<string, ValueKind>> = { int: 'number', date: 'date' }

const ABSENT: ReadonlyMap<string, string> = new Map([
  ['field', 'It needs "each: field".'],
  ['field_expires_at', 'It needs "each: field".'],
  ['member', 'It needs "each: member".'],
  ['score', 'It needs "type: zset" and "each: member".'],
  ['index', 'It needs "each: item" or a path.'],
  ['item', 'It needs "each: item" or a path.'],
  ['name', 'It needs "each:" with a path to an object.'],
  ['parent', 'It needs "each:" with a path.'],
  ['parent_index', 'It needs "each:" with a path.'],
  ['parent_name', 'It needs "each:" with a path.'],
  ['root', 'It needs "each:" with a path; $value is the whole record.'],
  ['message', 'It needs "each: message".'],
])

interface RecordKind {
  readonly record: RecordShape
  readonly roots: readonly (readonly [string, ValueKind])[]
}

function recordOf(mapping: Mapping, catalog: PlanCatalog): RecordKind {
  const { each, type } = mapping
  if (each && each.kind !== 'path' && each.inside) {
    const { roots } = recordOf({ ...mapping, each: { kind: each.kind } }, catalog)
    const inside = recordOf({ ...mapping, each: each.inside }, catalog)
    return { record: inside.record, roots: [...roots, ...inside.roots] }
  }
  const decoded = decodedKind(mapping, catalog)
  const record = shapeOf(decoded)
  switch (each?.kind) {
    case 'field':
      return {
        record,
        roots: [
          ['field', 'text'],
          ['field_expires_at', 'instant'],
          ['value', decoded],
        ],
      }
    case 'item':
      return {
        record,
        roots: [
          ['item', decoded],
          ['index', 'number'],
          ['value', decoded],
        ],
      }
    case 'member': {
      const score: RecordKind['roots'] = type === 'zset' ? [['score', 'number']] : []
      return { record, roots: [['member', decoded], ['value', decoded], ...score] }
    }
    case 'message':
      return {
        record: 'fields',
        roots: [
          ['message', 'text'],
          ['value', 'object'],
        ],
      }
    case 'path':
      return {
        record: 'any',
        roots: [
          ['item', 'any'],
          ['index', 'number'],
          ['name', 'text'],
          ['parent', 'any'],
          ['parent_index', 'number'],
          ['parent_name', 'text'],
          ['root', 'any'],
          ['value', 'any'],
        ],
      }
  }
  if (isHash(mapping) && mapping.decode.length === 0)
    return { record: 'fields', roots: [['value', 'object']] }
  if (type === undefined || type === 'string' || type === 'hash')
    return { record, roots: [['value', decoded]] }
  return { record: 'list', roots: [['value', 'array']] }
}

/** Does the mapping read a hash as one record? Without a type and a decoder, looking at fields says so. */
export function isHash({ type, each, chunks, decode, decodeFields, fields }: Mapping): boolean {
  if (decodeFields) return true
  if (chunks) return false
  if (type !== undefined || decode.length > 0) return type === 'hash'
  return each !== undefined || fields.some((it) => looksAtFields(it.expression))
}

function looksAtFields(expression: Expression): boolean {
  switch (expression.kind) {
    case 'path':
      return true
    case 'cel':
      return /\br\b/.test(expression.cel)
    case 'call':
      return expression.name === 'rest' || argumentsOf(expression).some(looksAtFields)
    case 'pipe':
      return looksAtFields(expression.input)
    case 'coalesce':
      return expression.options.some(looksAtFields)
    default:
      return false
  }
}

function shapeOf(kind: ValueKind): RecordShape {
  if (kind === 'any' || kind === 'object') return 'any'
  return kind === 'array' ? 'list' : 'text'
}
