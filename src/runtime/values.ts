import { dateText, instantText, parseDate } from '../calendar.ts'
import { readJson } from '../json/read-json.ts'
import type { ColumnType } from '../plan/table.ts'
import { readIso } from '../transforms/iso.ts'
import { CalendarDate, type Cell, Decimal, Instant, RejectError, type Value } from '../value.ts'

/**
 * What the application gives and gets for a column:
 *
 * | column | JavaScript |
 * | --- | --- |
 * | text, varchar, char, enum, uuid, others | string |
 * | smallint, integer, real, double precision | number |
 * | bigint | bigint (a whole number is accepted too) |
 * | numeric | string (a number is accepted too) |
 * | boolean | boolean |
 * | timestamptz, timestamp | ISO 8601 text with all its digits, `2026-01-08T10:00:00.000Z` (a Date is accepted too) |
 * | date | `2026-01-08` |
 * | json, jsonb | what JSON.parse gives |
 * | bytea | Buffer |
 * | vector, arrays | array |
 */
export type JsValue =
  | null
  | undefined
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | readonly JsValue[]
  | { readonly [name: string]: unknown }

/** A value of the application for a column. Whether it fits the column, the column's converter says. Throws RejectError. */
export function toValue(type: ColumnType, value: unknown): Value {
  if (value === null || value === undefined) return null
  if (type.array) {
    if (!Array.isArray(value)) throw wrong('an array', value)
    return value.map((it) => toValue({ ...type, array: false }, it))
  }
  if (type.base === 'json' || type.base === 'jsonb') {
    const text = JSON.stringify(value)
    if (text === undefined) throw wrong('what JSON can hold', value)
    return readJson(text)
  }
  switch (typeof value) {
    case 'boolean':
      return value
    case 'bigint':
      return new Decimal(String(value))
    case 'number':
      if (!Number.isFinite(value)) throw new RejectError('NON_FINITE', 'The number is not finite.')
      return new Decimal(String(value))
    case 'string':
      return fromText(type, value)
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new RejectError('NOT_A_TIMESTAMP', 'The Date is invalid.')
    return new Instant(BigInt(value.getTime()) * 1000n)
  }
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value) && type.base === 'vector') return value.map((it) => new Decimal(String(it)))
  throw wrong(`a value for ${type.sql}`, value)
}

function fromText({ base }: ColumnType, text: string): Value {
  switch (base) {
    case 'timestamptz':
    case 'timestamp': {
      const time = readIso(text)
      if (!time || time.finer)
        throw new RejectError('NOT_A_TIMESTAMP', 'The text is no ISO 8601 time of a microsecond or more.')
      if (time.offset === undefined)
        throw new RejectError('TIMEZONE_MISSING', 'The time has no zone: end it with Z, or with its offset.')
      return new Instant(time.micros - BigInt(time.offset) * 60_000_000n)
    }
    case 'date': {
      const days = parseDate(text)
      if (days === undefined) throw new RejectError('NOT_A_DATE', 'The text is no date like 2026-01-08.')
      return new CalendarDate(days)
    }
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'real':
    case 'double precision':
      if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text))
        throw new RejectError('NOT_A_NUMBER', 'The text is no number.')
      return new Decimal(text)
    default:
      return text
  }
}

/** What the application gets for a cell. */
export function fromCell(type: ColumnType, cell: Cell): JsValue {
  if (cell === null) return null
  if (type.array) return (cell as readonly Cell[]).map((it) => fromCell({ ...type, array: false }, it))
  // The table in value.ts says which cells a column has.
  switch (type.base) {
    case 'timestamptz':
    case 'timestamp':
      return instantText(cell as bigint)
    case 'date':
      return dateText(cell as number)
    case 'json':
    case 'jsonb':
      return JSON.parse(cell as string)
    case 'char':
      return (cell as string).trimEnd()
    default:
      return cell as string | number | bigint | boolean | Buffer
  }
}

const wrong = (expected: string, value: unknown): RejectError =>
  new RejectError(
    'TYPE_MISMATCH',
    `Expected ${expected}, found ${Array.isArray(value) ? 'an array' : `a ${typeof value}`}.`,
  )
