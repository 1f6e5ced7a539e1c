/**
 * What travels between a store and a table.
 *
 * A `Value` is what decoding a stored entry gives: lossless, so that a number keeps its source text and missing, null, `"null"`,
 * `""` and 0 stay five different things. A `Cell` is a value that was accepted for a column: typed, and certain to be stored unchanged.
 */
export type Value =
  | undefined
  | null
  | boolean
  | string
  | Decimal
  | Instant
  | CalendarDate
  | Buffer
  | readonly Value[]
  | ValueMap

/** An object of decoded values. A Map, so that `__proto__` and `constructor` are keys like any other; order is the source's. */
export type ValueMap = ReadonlyMap<string, Value>

/** A number as its source text (`1.10`, `12345678901234567890`, `1e400`), in JSON's grammar, so that no digit is lost. */
export class Decimal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A moment, in microseconds since 1970-01-01T00:00:00Z (Postgres's resolution). */
export class Instant {
  readonly micros: bigint
  constructor(micros: bigint) {
    this.micros = micros
  }
}

/** A calendar day, in days since 1970-01-01, without a zone. */
export class CalendarDate {
  readonly days: number
  constructor(days: number) {
    this.days = days
  }
}

/** The static kind of a value in an expression; `any` is a path into data that only the data will tell. */
export type ValueKind =
  | 'any'
  | 'null'
  | 'boolean'
  | 'number'
  | 'text'
  | 'bytes'
  | 'instant'
  | 'date'
  | 'array'
  | 'object'

/**
 * A value that fits its column, by the column's base type:
 *
 * | column | cell |
 * | --- | --- |
 * | text, varchar, char, enum, uuid, and types kvmig has no own codec for | string, well-formed, without NUL (uuid: lower case, 8-4-4-4-12) |
 * | smallint, integer | number, a whole one |
 * | bigint | bigint |
 * | numeric | string: canonical decimal, no exponent, the column's scale already applied |
 * | real, double precision | number |
 * | boolean | boolean |
 * | timestamptz, timestamp | bigint: microseconds since 1970-01-01T00:00:00 (UTC) |
 * | date | number: days since 1970-01-01 |
 * | json | string: the source text |
 * | jsonb | string: Postgres's own canonical text |
 * | bytea | Buffer |
 * | vector | array of numbers (float32) |
 * | an array of any of these | array of cells |
 */
export type Cell = null | boolean | number | bigint | string | Buffer | readonly Cell[]

/** The cells of one record, in the order of the mapping's columns. */
export type Row = readonly Cell[]

/** Why a record could not become a row. Codes are stable; a reason never holds the value. */
export interface Reject {
  readonly code: RejectCode
  /** The column it was meant for, if it came that far. */
  readonly column?: string
  /** One sentence for people: expected and found, by kind and length, never by content. */
  readonly message: string
}

/** Thrown inside transforms and converters, caught by the mapping, which adds the column. */
export class RejectError extends Error {
  readonly code: RejectCode
  constructor(code: RejectCode, message: string) {
    super(message)
    this.name = 'RejectError'
    this.code = code
  }
}

/** Every reason there is. Their pages: docs/quarantine.md. */
export const REJECT_CODES = [
  'CAPTURE_TYPE',
  'CODEC_MISMATCH',
  'CONFLICT',
  'CONSTRAINT',
  'DOUBLE_ENCODED_JSON',
  'DUPLICATE_JSON_KEY',
  'EXISTING_ROW',
  'FIELD_MISSING',
  'INT_OUT_OF_RANGE',
  'INVALID_JSON',
  'INVALID_UTF8',
  'INVALID_UTF8_KEY',
  'JSON_TOO_DEEP',
  'KEY_TYPE_MISMATCH',
  'LONE_SURROGATE',
  'LOSSY_FLOAT',
  'LOSSY_PRECISION',
  'LOSSY_ROUNDING',
  'NON_CANONICAL_NUMBER',
  'NON_FINITE',
  'NOT_A_BOOLEAN',
  'NOT_A_DATE',
  'NOT_A_NUMBER',
  'NOT_A_TIMESTAMP',
  'NOT_A_UUID',
  'NOT_AN_INTEGER',
  'NOT_IN_ENUM',
  'NOT_THE_SAME',
  'NOT_WANTED',
  'NUL_IN_JSON',
  'NUL_IN_TEXT',
  'NULL_NOT_ALLOWED',
  'NUMERIC_OVERFLOW',
  'ORPHAN',
  'TEXT_TOO_LONG',
  'TIMESTAMP_IMPLAUSIBLE',
  'TIMEZONE_MISSING',
  'TRANSFORM',
  'TYPE_MISMATCH',
  'UNIQUE_VIOLATION',
  'UNKNOWN_FORMAT',
  'VALUE_TOO_LARGE',
] as const

export type RejectCode = (typeof REJECT_CODES)[number]
