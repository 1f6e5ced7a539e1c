import { CalendarDate, Decimal, Instant, RejectError, type Value, type ValueKind } from '../value.ts'

/** What a value is, for transforms that look and for messages; missing counts as null. */
export function kindOf(value: Value): Exclude<ValueKind, 'any'> {
  if (typeof value === 'string') return 'text'
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean') return 'boolean'
  if (value instanceof Decimal) return 'number'
  if (value instanceof Map) return 'object'
  if (value instanceof Instant) return 'instant'
  if (value instanceof CalendarDate) return 'date'
  return Buffer.isBuffer(value) ? 'bytes' : 'array'
}

/** TYPE_MISMATCH: `wanted` says what was expected, the kind of the value what was found. */
export const mismatch = (wanted: string, value: Value): RejectError =>
  new RejectError('TYPE_MISMATCH', `Expected ${wanted}, found ${WORDS[kindOf(value)]}.`)

const WORDS: { readonly [K in Exclude<ValueKind, 'any'>]: string } = {
  array: 'a list',
  boolean: 'a boolean',
  bytes: 'bytes',
  date: 'a date',
  instant: 'a moment',
  null: 'null',
  number: 'a number',
  object: 'an object',
  text: 'text',
}
