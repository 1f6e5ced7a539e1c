import type { ColumnType } from '../plan/table.ts'
import type { Cell, Row } from '../value.ts'
import { tupleFields } from './codec.ts'
import type { WireType } from './column-types.ts'
import { readNumeric } from './numeric.ts'

/** Microseconds, and days, from 1970-01-01 to 2000-01-01, where Postgres begins to count. */
const EPOCH_MICROS = 946_684_800_000_000n
const EPOCH_DAYS = 10_957

/** The cells of a binary tuple: what `TupleWriter` writes, read again. Buffers are views of it. */
export function decodeTuple(types: readonly WireType[], tuple: Buffer): Row {
  return tupleFields(tuple).map((field, index) => {
    if (field === null) return null
    const { type } = types[index]!
    return type.array ? decodeArray(type, field) : decodeField(type, field)
  })
}

function decodeField({ base }: ColumnType, field: Buffer): Cell {
  switch (base) {
    case 'text':
    case 'varchar':
    case 'enum':
    case 'json':
    case 'other':
      return field.toString()
    case 'char':
      return field.toString().trimEnd()
    case 'jsonb':
      // A version, then the text.
      return field.toString('utf8', 1)
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
    case 'bytea':
      return field
    case 'vector':
      return Array.from({ length: field.readInt16BE(0) }, (_, at) => field.readFloatBE(4 + at * 4))
  }
}

// Dimensions, flags, type of the elements; then for each dimension its length and first place; then the elements like fields of a tuple.
function decodeArray(type: ColumnType, field: Buffer): Cell {
  const dimensions = field.readInt32BE(0)
  if (dimensions === 0) return []
  const cells: Cell[] = []
  let at = 12 + 8 * dimensions
  while (at < field.length) {
    const length = field.readInt32BE(at)
    at += 4
    cells.push(length < 0 ? null : decodeField(type, field.subarray(at, at + length)))
    at += Math.max(length, 0)
  }
  return cells
}
