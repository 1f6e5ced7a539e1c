import type { BaseType, ColumnDefinition, ColumnType } from '../plan/table.ts'
import type { CompareRank } from './resolve.ts'

/** Compares values of some columns, by their names. */
export const rankOf =
  (columns: readonly Pick<ColumnDefinition, 'name' | 'type'>[]): CompareRank =>
  (name, a, b) => {
    const column = columns.find((it) => it.name === name)
    return column && compareRanks(column.type, a, b)
  }

/**
 * Compares two values of a column as Postgres sends them in binary: more than 0 if `a` is greater. NULL is less than every value; text is
 * compared by its bytes, enums by the order of their labels. Undefined for a type whose values have no order that could be told here.
 */
export function compareRanks(type: ColumnType, a: Buffer | null, b: Buffer | null): number | undefined {
  const compare = type.array ? undefined : COMPARE[type.base]
  if (!compare) return undefined
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  return compare(a, b, type)
}

type Compare = (a: Buffer, b: Buffer, type: ColumnType) => number

// Big-endian numbers in two's complement: with the sign turned around their bytes are in order.
const integers: Compare = (a, b) => (a[0]! ^ 0x80) - (b[0]! ^ 0x80) || Buffer.compare(a, b)
const bytes: Compare = (a, b) => Buffer.compare(a, b)
const numbers =
  (read: (bytes: Buffer) => number): Compare =>
  (a, b) =>
    Math.sign(read(a) - read(b))

const COMPARE: { readonly [base in BaseType]?: Compare } = {
  smallint: integers,
  integer: integers,
  bigint: integers,
  date: integers,
  timestamp: integers,
  timestamptz: integers,
  boolean: bytes,
  bytea: bytes,
  uuid: bytes,
  text: bytes,
  varchar: bytes,
  char: bytes,
  real: numbers((it) => it.readFloatBE(0)),
  'double precision': numbers((it) => it.readDoubleBE(0)),
  numeric: compareNumerics,
  enum: (a, b, { labels }) =>
    labels ? labels.indexOf(a.toString()) - labels.indexOf(b.toString()) : bytes(a, b, NOTHING),
}

const NOTHING: ColumnType = { base: 'enum', array: false, sql: '' }

/** Groups of four digits, from the one at `weight` down; the sign apart. What a mapping writes is finite. */
function compareNumerics(a: Buffer, b: Buffer): number {
  const sign = (it: Buffer) => (it.readUInt16BE(0) === 0 ? 0 : it.readUInt16BE(4) === 0 ? 1 : -1)
  if (sign(a) !== sign(b)) return sign(a) - sign(b)
  return sign(a) * (a.readInt16BE(2) - b.readInt16BE(2) || compareDigits(a, b))
}

function compareDigits(a: Buffer, b: Buffer): number {
  const groups = Math.max(a.readUInt16BE(0), b.readUInt16BE(0))
  const digits = (it: Buffer, group: number) =>
    group < it.readUInt16BE(0) ? it.readUInt16BE(8 + 2 * group) : 0
  for (let group = 0; group < groups; group++) {
    const difference = digits(a, group) - digits(b, group)
    if (difference !== 0) return difference
  }
  return 0
}
