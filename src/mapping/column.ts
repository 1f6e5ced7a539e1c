import { canonicalNumeric, integerOf, scaledNumeric } from '../decimal.ts'
import { canonicalJsonb, writeJson } from '../json/write-json.ts'
import type { ColumnDefinition, ColumnType } from '../plan/table.ts'
import { mismatch } from '../transforms/kind.ts'
import { codePoints } from '../transforms/length.ts'
import { CalendarDate, type Cell, Decimal, Instant, RejectError, type Value } from '../value.ts'
import { toDouble, toReal } from './float.ts'

/** Turns a value into a cell that its column stores unchanged. Throws RejectError where there is none. */
export type ToCell = (value: Value) => Cell

/**
 * The converter of a column. Lossless or loud: nothing is rounded, cut, trimmed or guessed. Missing and null become NULL, and are
 * rejected (FIELD_MISSING, NULL_NOT_ALLOWED) where `required`.
 */
export function toCell({ type }: Pick<ColumnDefinition, 'type'>, required: boolean): ToCell {
  const convert = type.array ? listOf(elementConverter(type)) : elementConverter(type)
  return (value) => {
    if (value !== null && value !== undefined) return convert(value)
    if (!required) return null
    throw value === undefined
      ? new RejectError('FIELD_MISSING', 'The value is missing, and the column cannot be NULL.')
      : new RejectError('NULL_NOT_ALLOWED', 'The value is null, and the column cannot be NULL.')
  }
}

/** A value that is there. */
type Present = Exclude<Value, null | undefined>
type Convert = (value: Present) => Cell

function elementConverter(type: ColumnType): Convert {
  switch (type.base) {
    case 'text':
      return textOf
    case 'varchar':
      return type.length === undefined ? textOf : atMost(type.length, type.sql)
    case 'char':
      return padded(type.length ?? 1, type.sql)
    case 'enum':
      return oneOf(type.labels, type.sql)
    case 'uuid':
      return uuidOf
    case 'other':
      return anyText
    case 'smallint':
      return integerUpTo(32_767, 'smallint')
    case 'integer':
      return integerUpTo(2_147_483_647, 'integer')
    case 'bigint':
      return bigintOf
    case 'numeric':
      return numericOf(type)
    case 'real':
      return (value) => toReal(numberOf(value))
    case 'double precision':
      return (value) => toDouble(numberOf(value))
    case 'boolean':
      return booleanOf
    case 'timestamptz':
    case 'timestamp':
      return momentOf(type.fraction ?? 6)
    case 'date':
      return dateOf
    case 'json':
      return (value) => jsonText(value, writeJson)
    case 'jsonb':
      return (value) => jsonText(value, canonicalJsonb)
    case 'bytea':
      return bytesOf
    case 'vector':
      return vectorOf(type.dimensions)
  }
}

function textOf(value: Present): string {
  if (typeof value !== 'string') throw mismatch('text', value)
  if (value.includes('\0'))
    throw new RejectError('NUL_IN_TEXT', 'The text holds NUL, which Postgres cannot store.')
  if (!value.isWellFormed()) throw new RejectError('LONE_SURROGATE', 'The text holds half a surrogate pair.')
  return value
}

const atMost =
  (length: number, sql: string): Convert =>
  (value) => {
    const text = textOf(value)
    if (text.length > length && codePoints(text) > length) throw tooLong(text, sql)
    return text
  }

// Postgres pads char(n) with spaces and forgets which of them were there before.
const padded =
  (length: number, sql: string): Convert =>
  (value) => {
    const text = textOf(value)
    const missing = length - codePoints(text)
    if (missing < 0) throw tooLong(text, sql)
    if (text.endsWith(' '))
      throw new RejectError('LOSSY_PRECISION', `The text ends in spaces, which ${sql} would forget.`)
    return text + ' '.repeat(missing)
  }

const tooLong = (text: string, sql: string): RejectError =>
  new RejectError('TEXT_TOO_LONG', `The text has ${codePoints(text)} characters, more than ${sql} holds.`)

function oneOf(labels: readonly string[] | undefined, sql: string): Convert {
  if (!labels) return textOf
  const known = new Set(labels)
  return (value) => {
    const text = textOf(value)
    if (!known.has(text))
      throw new RejectError('NOT_IN_ENUM', `The text is none of the ${labels.length} labels of ${sql}.`)
    return text
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

function uuidOf(value: Present): string {
  const text = textOf(value)
  if (!UUID.test(text)) throw new RejectError('NOT_A_UUID', 'The text is no UUID in the form 8-4-4-4-12.')
  return text.toLowerCase()
}

function anyText(value: Present): string {
  if (value instanceof Decimal) return value.text
  return typeof value === 'boolean' ? String(value) : textOf(value)
}

function numberOf(value: Present): string {
  if (!(value instanceof Decimal)) throw mismatch('a number', value)
  return value.text
}

const SHORT_INTEGER = /^-?\d{1,15}$/

const integerUpTo =
  (most: number, sql: string): Convert =>
  (value) => {
    const text = numberOf(value)
    const integer = SHORT_INTEGER.test(text) ? Number(text) : Number(wholeOf(text, sql))
    if (integer > most || integer < -most - 1) throw outOfRange(sql)
    // -0 is 0 here.
    return integer + 0
  }

function bigintOf(value: Present): bigint {
  const text = numberOf(value)
  if (SHORT_INTEGER.test(text)) return BigInt(text)
  const integer = wholeOf(text, 'bigint')
  if (BigInt.asIntN(64, integer) !== integer) throw outOfRange('bigint')
  return integer
}

function wholeOf(text: string, sql: string): bigint {
  const integer = integerOf(text)
  if (integer === 'huge') throw outOfRange(sql)
  if (integer === 'fraction')
    throw new RejectError('NOT_AN_INTEGER', 'Expected an integer, found a number with decimal places.')
  return integer
}

const outOfRange = (sql: string): RejectError =>
  new RejectError('INT_OUT_OF_RANGE', `The number is beyond the range of ${sql}.`)

function numericOf({ precision, scale = 0 }: ColumnType): Convert {
  if (precision === undefined) return (value) => canonicalNumeric(numberOf(value))
  return (value) => scaledNumeric(numberOf(value), precision, scale)
}

function booleanOf(value: Present): boolean {
  if (typeof value !== 'boolean') throw mismatch('true or false', value)
  return value
}

// 4714-11-24 BC to the end of 294276 (Postgres: DATETIME_MIN_JULIAN, TIMESTAMP_END_JULIAN).
const FIRST_MOMENT = -210_866_803_200_000_000n
const END_OF_MOMENTS = 9_224_318_016_000_000_000n

function momentOf(fraction: number): Convert {
  const unit = 10n ** BigInt(6 - Math.min(6, fraction))
  return (value) => {
    if (!(value instanceof Instant)) throw mismatch('a moment', value)
    const { micros } = value
    if (micros < FIRST_MOMENT || micros >= END_OF_MOMENTS) throw beyondCalendar()
    if (unit !== 1n && micros % unit !== 0n) {
      throw new RejectError(
        'LOSSY_PRECISION',
        `The time is finer than the ${fraction} digits of a second that the column keeps.`,
      )
    }
    return micros
  }
}

// The same first day, to the end of 5874897.
const FIRST_DAY = -2_440_588
const END_OF_DAYS = 2_145_042_906

function dateOf(value: Present): number {
  if (!(value instanceof CalendarDate)) throw mismatch('a date', value)
  if (value.days < FIRST_DAY || value.days >= END_OF_DAYS) throw beyondCalendar()
  return value.days
}

const beyondCalendar = (): RejectError =>
  new RejectError(
    'TIMESTAMP_IMPLAUSIBLE',
    'The time is beyond what Postgres can hold (4713 BC to the year 294276).',
  )

function jsonText(value: Present, write: (value: Value) => string): string {
  const text = write(value)
  // An escape in what was written is rare enough to look twice: it may also be a backslash and the word.
  if (text.includes('\\u')) requireStorable(value)
  return text
}

function requireStorable(value: Value): void {
  if (typeof value === 'string') {
    if (value.includes('\0'))
      throw new RejectError('NUL_IN_JSON', 'A text in the value holds NUL, which Postgres cannot store.')
    if (!value.isWellFormed())
      throw new RejectError('LONE_SURROGATE', 'A text in the value holds half a surrogate pair.')
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      requireStorable(key)
      requireStorable(item)
    }
  } else if (Array.isArray(value)) {
    for (const item of value) requireStorable(item)
  }
}

function bytesOf(value: Present): Buffer {
  if (!Buffer.isBuffer(value)) throw mismatch('bytes', value)
  return value
}

function vectorOf(dimensions: number | undefined): Convert {
  return (value) => {
    if (!Array.isArray(value)) throw mismatch('a list of numbers', value)
    if (dimensions !== undefined && value.length !== dimensions) {
      throw new RejectError('TYPE_MISMATCH', `Expected ${dimensions} numbers, found ${value.length}.`)
    }
    if (value.length === 0) throw new RejectError('TYPE_MISMATCH', 'A vector has at least one number.')
    return value.map((item) => {
      if (!(item instanceof Decimal)) throw mismatch('a number in each place of the list', item)
      return toReal(item.text)
    })
  }
}

const listOf =
  (convert: Convert): Convert =>
  (value) => {
    if (!Array.isArray(value)) throw mismatch('a list', value)
    return value.map((item) => (item === null || item === undefined ? null : convert(item)))
  }
