import type { ValueKind } from '../value.ts'
import { isLiteralList, isLiteralMap, type Literal } from './expression.ts'

/** The kind of literal data. */
export function kindOfLiteral(value: Literal): ValueKind {
  if (value === null) return 'null'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'boolean'
  if (isLiteralList(value)) return 'array'
  return isLiteralMap(value) ? 'object' : 'number'
}

/** A kind in a sentence: “is text”, “is a number”. */
export const ARTICLE: Readonly<Record<ValueKind, string>> = {
  any: 'data of unknown kind',
  null: 'null',
  boolean: 'a boolean',
  number: 'a number',
  text: 'text',
  bytes: 'bytes',
  instant: 'a time',
  date: 'a date',
  array: 'a list',
  object: 'an object',
}
