import type { ValueKind } from '../value.ts'
import type { TransformSignature } from './catalog.ts'
import { ARTICLE } from './literal-kind.ts'
import type { BaseType, ColumnType } from './table.ts'

/**
 * Why a value of this kind can never be stored in a column of that type; undefined where it can, or where only the data will tell.
 * `transforms` are those there are: the hint names only what can take such a value.
 */
export function misfit(
  kind: ValueKind,
  type: ColumnType,
  transforms: ReadonlyMap<string, Pick<TransformSignature, 'takes'>>,
): { readonly message: string; readonly hint?: string } | undefined {
  const target = type.array ? `${type.sql}[]` : type.sql
  if (kind === 'null' || acceptedBy(type).includes(kind)) return undefined
  const leads = (way: string) => {
    const takes = transforms.get(way.split('(')[0]!)?.takes ?? []
    return takes.includes(kind) || takes.includes('any') || (kind === 'any' && takes.length > 0)
  }
  const ways = (WAYS[type.array ? 'array' : type.base] ?? []).filter(leads)
  const shown = ways.map((way) => `"| ${way}"`)
  const hint = shown.length > 0 ? `Say how to read it: ${shown.join(', ')}.` : undefined
  const found = kind === 'any' ? 'data that may be of any kind' : ARTICLE[kind]
  return { message: `A column of type ${target} cannot take ${found}.`, ...(hint && { hint }) }
}

function acceptedBy(type: ColumnType): readonly ValueKind[] {
  if (type.array) return ['any', 'array']
  return ACCEPTED[type.base]
}

const TEXT: readonly ValueKind[] = ['any', 'text']
const NUMBER: readonly ValueKind[] = ['any', 'number']
const JSON_KINDS: readonly ValueKind[] = [
  'any',
  'boolean',
  'number',
  'text',
  'instant',
  'date',
  'array',
  'object',
]

/** Kinds a column takes without being asked. Moments never come out of `any`: nobody should have to guess a unit or a zone. */
const ACCEPTED: Readonly<Record<BaseType, readonly ValueKind[]>> = {
  text: TEXT,
  varchar: TEXT,
  char: TEXT,
  uuid: TEXT,
  enum: TEXT,
  other: TEXT,
  smallint: NUMBER,
  integer: NUMBER,
  bigint: NUMBER,
  numeric: NUMBER,
  real: NUMBER,
  'double precision': NUMBER,
  boolean: ['any', 'boolean'],
  timestamptz: ['instant'],
  timestamp: ['instant'],
  date: ['date'],
  bytea: ['bytes'],
  json: JSON_KINDS,
  jsonb: JSON_KINDS,
  vector: ['any', 'array'],
}

/** Transforms that lead to a type, best known first. */
const WAYS: Partial<Record<BaseType | 'array', readonly string[]>> = {
  text: ['text'],
  varchar: ['text'],
  char: ['text'],
  smallint: ['int'],
  integer: ['int'],
  bigint: ['int'],
  numeric: ['decimal'],
  real: ['float'],
  'double precision': ['float'],
  boolean: ['bool'],
  timestamptz: ['iso', 'epoch_ms', 'epoch_s'],
  timestamp: ['iso', 'epoch_ms', 'epoch_s'],
  date: ['date'],
  bytea: ['base64', 'hex', 'bytes'],
  vector: ['json'],
  array: ['json', "split(',')"],
}
