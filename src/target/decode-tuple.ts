import type { BaseType, ColumnType } from '../plan/table.ts'
import type { Cell, Row } from '../value.ts'
import { tupleFields } from './codec.ts'
import type { WireType } from './column-types.ts'
import { readNumeric } from './numeric.ts'

/** Microseconds, and days, from 1970-01-01 to 2000-01-01, where Postgres begins to count. */
const EPOCH_MICROS = 946_684_800_000_000n
const EPOCH_DAYS = 10_957

/** The cells of a key's binary tuple. Only for the types that can stand in a key from which a source key is computed; throws for others. */
export function decodeKeyTuple(types: readonly WireType[], tuple: Buffer): Row {
  for (const { type } of types)
    if (type.array || !KEYS.has(type.base)) throw new Error(`no key of type ${type.sql} can be traced`)
  return decodeTuple(types, tuple).map((cell, index) =>
    types[index]!.type.base === 'char' && typeof cell === 'string' ? cell.trimEnd() : cell,
  )
}

/** The cells of a row's binary tuple, as `TupleWriter` wrote them or Postgres gave them. */
export const decodeTuple = (types: readonly WireType[], tuple: Buffer): Row =>
  tupleFields(tuple).map((field, index) => (field === null ? null : decodeField(types[index]!, field)))

const KEYS: ReadonlySet<BaseType> = new Set<BaseType>([
  'text',
  'varchar',
  'enum',
  'char',
  'smallint',
  'integer',
  'bigint',
  'boolean',
  'uuid',
  'timestamptz',
  'timestamp',
  'date',
  'bytea',
])

function decodeField({ type }: WireType, field: Buffer): Cell {
  return type.array ? decodeArray(field, (it) => decodeElement(type, it)) : decodeElement(type, field)
}

function decodeElement(type: ColumnType, field: Buffer): Cell {
  switch (type.base) {
    case 'text':
    case 'varchar':
    case 'enum':
    case 'char':
    case 'json':
    case 'other':
      return field.toString()
    case 'smallint':
      return field.readInt16BE(0)
    case 'integer':
      return field.readInt32BE(0)
    case 'bigint':
      return field.readBigInt64BE(0)
    case 'numeric':
      return readNumeric(field)
    case 'real':
      return field.readFloatBE(0)
    case 'double precision':
      return field.readDoubleBE(0)
    case 'boolean':
      return field[0] === 1
    case 'uuid':
      return field.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    case 'timestamptz':
    case 'timestamp':
      return field.readBigInt64BE(0) + EPOCH_MICROS
    case 'date':
      return field.readInt32BE(0) + EPOCH_DAYS
    case 'jsonb':
      // The first byte is the version of the format.
      return field.toString('utf8', 1)
    case 'bytea':
      return field
    case 'vector':
      return Array.from({ length: field.readInt16BE(0) }, (_, index) => field.readFloatBE(4 + index * 4))
  }
}

/** Dimensions, whether there are NULLs, the element's type; for each dimension its length and first index; the elements. */
function decodeArray(field: Buffer, decode: (element: Buffer) => Cell): readonly Cell[] {
  const dimensions = field.readInt32BE(0)
  if (dimensions === 0) return []
  if (dimensions > 1) throw new Error('an array of several dimensions has no cell')
  const cells: Cell[] = new Array(field.readInt32BE(12))
  let at = 20
  for (let index = 0; index < cells.length; index++) {
    const length = field.readInt32BE(at)
    at += 4
    cells[index] = length < 0 ? null : decode(field.subarray(at, at + length))
    if (length > 0) at += length
  }
  return cells
}
