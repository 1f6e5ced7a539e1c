import type { Cell, Row } from '../value.ts'
import { tupleFields } from './codec.ts'
import type { WireType } from './column-types.ts'

/** Microseconds, and days, from 1970-01-01 to 2000-01-01, where Postgres begins to count. */
const EPOCH_MICROS = 946_684_800_000_000n
const EPOCH_DAYS = 10_957

/** The cells of a key's binary tuple. Only for the types that can stand in a key from which a source key is computed; throws for others. */
export function decodeKeyTuple(types: readonly WireType[], tuple: Buffer): Row {
  return tupleFields(tuple).map((field, index) => (field === null ? null : decodeField(types[index]!, field)))
}

function decodeField({ type }: WireType, field: Buffer): Cell {
  if (type.array) throw new Error(`no key of type ${type.sql}[] can be traced`)
  switch (type.base) {
    case 'text':
    case 'varchar':
    case 'enum':
      return field.toString()
    case 'char':
      return field.toString().trimEnd()
    case 'smallint':
      return field.readInt16BE(0)
    case 'integer':
      return field.readInt32BE(0)
    case 'bigint':
      return field.readBigInt64BE(0)
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
    default:
      throw new Error(`no key of type ${type.sql} can be traced`)
  }
}
