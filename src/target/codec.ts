import type { ColumnType } from '../plan/table.ts'
import type { Cell, Row } from '../value.ts'
import type { WireType } from './column-types.ts'
import { writeNumeric } from './numeric.ts'

/**
 * Rows as Postgres's binary COPY has them: exactly the bytes that it would give back for the stored row, so that equal bytes are equal
 * values. Formats: the send functions in Postgres's source (src/backend/utils/adt), and pgvector's.
 *
 * Columns of type `other` are written as their text: they can go into a text column and be cast there (`createStage`), and be compared
 * with `column::text`.
 */
export class TupleWriter {
  readonly #writers: readonly CellWriter[]
  readonly #sink: Sink
  readonly #ends: number[] = []
  /** Of the row that was begun. */
  #column = 0

  constructor(types: readonly WireType[], { bytes = 1 << 16 }: { readonly bytes?: number } = {}) {
    this.#writers = types.map(({ type, oid }) =>
      type.array ? arrayWriter(type, oid) : WRITERS[type.base](type),
    )
    this.#sink = new Sink(bytes)
  }

  /** Rows written since the last `clear`. */
  get count(): number {
    return this.#ends.length
  }

  /** Bytes written since the last `clear`. */
  get bytes(): number {
    return this.#sink.used
  }

  append(row: Row): void {
    const sink = this.#sink
    const writers = this.#writers
    sink.int16(writers.length)
    for (let index = 0; index < writers.length; index++) sink.field(writers[index]!, row[index]!)
    this.#ends.push(sink.used)
  }

  /** Begins a row whose columns come one by one; `end` completes it, `cancel` takes it back. */
  begin(): void {
    this.#sink.int16(this.#writers.length)
    this.#column = 0
  }

  end(): void {
    this.#ends.push(this.#sink.used)
  }

  cancel(): void {
    this.#sink.used = this.#ends.at(-1) ?? 0
  }

  /** The next column of the row, from a cell. */
  cell(cell: Cell): void {
    this.#sink.field(this.#writers[this.#column++]!, cell)
  }

  /** The next column, of a type that is text: bytes that are valid UTF-8 without NUL. */
  text(bytes: Buffer, start: number, end: number): void {
    this.#column++
    this.#sink.int32(end - start)
    this.#sink.copy(bytes, start, end)
  }

  /** The next column, of an integer type: a number within its range. */
  integer(value: number, width: 2 | 4 | 8): void {
    this.#column++
    this.#sink.int32(width)
    this.#sink.integer(value, width)
  }

  /** The next column, a timestamp: a whole number of microseconds since 1970. */
  moment(micros: number): void {
    this.integer(micros - EPOCH_MICROS_NUMBER, 8)
  }

  /** Takes back the rows from `count` on. */
  keep(count: number): void {
    this.#ends.length = count
    this.cancel()
  }

  /** The bytes of one row. They are the writer's own: gone after `clear`. */
  tuple(index: number): Buffer {
    return this.#sink.buffer.subarray(this.startOf(index), this.endOf(index))
  }

  /** Where a row stands in `all`. */
  startOf(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!
  }

  endOf(index: number): number {
    return this.#ends[index]!
  }

  /** All rows in the order they were written, as one piece. Gone after `clear`. */
  all(): Buffer {
    return this.#sink.buffer.subarray(0, this.#sink.used)
  }

  /** The memory in which they stand: another one when it has grown. */
  get memory(): Buffer {
    return this.#sink.buffer
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.#sink.used = 0
    this.#ends.length = 0
  }
}

/** One row in memory of its own. */
export function encodeTuple(types: readonly WireType[], row: Row): Buffer {
  const writer = new TupleWriter(types, { bytes: 256 })
  writer.append(row)
  return writer.all()
}

/** The fields of a row; null is NULL. */
export function tupleFields(tuple: Buffer): (Buffer | null)[] {
  const fields: (Buffer | null)[] = new Array(tuple.readInt16BE(0))
  let offset = 2
  for (let index = 0; index < fields.length; index++) {
    const length = tuple.readInt32BE(offset)
    offset += 4
    fields[index] = length < 0 ? null : tuple.subarray(offset, offset + length)
    if (length > 0) offset += length
  }
  return fields
}

/** Where a field's length stands in the row that begins at `start`. */
export function fieldAt(bytes: Buffer, start: number, index: number): number {
  let at = start + 2
  for (let passed = 0; passed < index; passed++) at += 4 + Math.max(0, bytes.readInt32BE(at))
  return at
}

/** One field of a row; null is NULL. */
export function tupleField(tuple: Buffer, index: number): Buffer | null {
  const at = fieldAt(tuple, 0, index)
  const length = tuple.readInt32BE(at)
  return length < 0 ? null : tuple.subarray(at + 4, at + 4 + length)
}

/** A one-dimensional array of fields as rows of that type have them. */
export function arrayOfFields({ type, oid }: WireType, fields: readonly (Buffer | null)[]): Buffer {
  const sink = new Sink(fields.length * 16 + 32)
  sink.arrayHead(type.base === 'other' ? TEXT_OID : oid, fields)
  for (const field of fields) {
    sink.int32(field === null ? -1 : field.length)
    if (field !== null) sink.copy(field, 0, field.length)
  }
  return sink.buffer.subarray(0, sink.used)
}

/** A one-dimensional array of a type, in binary: a parameter `$1::type[]`. */
export function encodeArray({ type, oid }: WireType, cells: readonly Cell[]): Buffer {
  const sink = new Sink(cells.length * 16 + 32)
  arrayWriter(type, oid)(sink, cells)
  return sink.buffer.subarray(0, sink.used)
}

type CellWriter = (sink: Sink, cell: Cell) => void

/** A buffer that grows. Who writes makes room first. */
class Sink {
  buffer: Buffer
  used = 0

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafe(bytes)
  }

  room(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.used + bytes))
    this.buffer.copy(larger, 0, 0, this.used)
    this.buffer = larger
  }

  /** Length and bytes, or -1 for NULL. */
  field(write: CellWriter, cell: Cell): void {
    if (cell === null) {
      this.int32(-1)
      return
    }
    this.room(4)
    const start = this.used
    this.used += 4
    write(this, cell)
    const end = this.used
    this.used = start
    this.int32(end - start - 4)
    this.used = end
  }

  int16(value: number): void {
    this.room(2)
    const { buffer, used } = this
    buffer[used] = value >>> 8
    buffer[used + 1] = value
    this.used = used + 2
  }

  int32(value: number): void {
    this.room(4)
    const { buffer, used } = this
    buffer[used] = value >>> 24
    buffer[used + 1] = value >>> 16
    buffer[used + 2] = value >>> 8
    buffer[used + 3] = value
    this.used = used + 4
  }

  /** Dimensions (one, or none for an empty array), whether there are NULLs, type, length, first index. */
  arrayHead(oid: number, items: readonly unknown[]): void {
    this.int32(items.length === 0 ? 0 : 1)
    this.int32(items.includes(null) ? 1 : 0)
    this.int32(oid)
    if (items.length === 0) return
    this.int32(items.length)
    this.int32(1)
  }

  integer(value: number, width: 2 | 4 | 8): void {
    if (width === 2) this.int16(value)
    else if (width === 4) this.int32(value)
    else {
      this.int32(Math.floor(value / 2 ** 32))
      this.int32(value >>> 0)
    }
  }

  copy(bytes: Buffer, start: number, end: number): void {
    this.room(end - start)
    const { buffer } = this
    let { used } = this
    // A call into native code costs more than a few bytes do.
    if (end - start <= 128) for (let at = start; at < end; at++) buffer[used++] = bytes[at]!
    else used += bytes.copy(buffer, used, start, end)
    this.used = used
  }

  text(text: string): void {
    this.room(text.length * 3)
    this.used += this.buffer.write(text, this.used)
  }
}

// Casts in here: a cell fits its column's type (`Cell`), and the type chose the writer.
const WRITERS: { readonly [base in ColumnType['base']]: (type: ColumnType) => CellWriter } = {
  text: () => writeText,
  varchar: () => writeText,
  enum: () => writeText,
  json: () => writeText,
  other: () => writeText,
  char:
    ({ length = 1 }) =>
    (sink, cell) => {
      const text = cell as string
      sink.text(text)
      // Counted in code points, as Postgres pads.
      for (let missing = length - [...text].length; missing > 0; missing--) {
        sink.room(1)
        sink.buffer[sink.used++] = 0x20
      }
    },
  smallint: () => (sink, cell) => sink.int16(cell as number),
  integer: () => (sink, cell) => sink.int32(cell as number),
  bigint: () => (sink, cell) => writeInt64(sink, cell as bigint),
  numeric: ({ scale, precision }) => {
    // numeric(p) is numeric(p, 0); numeric alone keeps the digits it is given.
    const digits = scale ?? (precision === undefined ? undefined : 0)
    return (sink, cell) => {
      const text = cell as string
      sink.room(text.length * 2 + 16)
      sink.used = writeNumeric(sink.buffer, sink.used, text, digits)
    }
  },
  real: () => (sink, cell) => {
    sink.room(4)
    sink.used = sink.buffer.writeFloatBE(cell as number, sink.used)
  },
  'double precision': () => (sink, cell) => {
    sink.room(8)
    sink.used = sink.buffer.writeDoubleBE(cell as number, sink.used)
  },
  boolean: () => (sink, cell) => {
    sink.room(1)
    sink.buffer[sink.used++] = cell === true ? 1 : 0
  },
  timestamptz: () => (sink, cell) => writeInt64(sink, (cell as bigint) - EPOCH_MICROS),
  timestamp: () => (sink, cell) => writeInt64(sink, (cell as bigint) - EPOCH_MICROS),
  date: () => (sink, cell) => sink.int32((cell as number) - EPOCH_DAYS),
  uuid: () => (sink, cell) => {
    sink.room(16)
    sink.used += sink.buffer.write((cell as string).replaceAll('-', ''), sink.used, 'hex')
  },
  jsonb: () => (sink, cell) => {
    sink.room(1)
    sink.buffer[sink.used++] = JSONB_VERSION
    sink.text(cell as string)
  },
  bytea: () => (sink, cell) => {
    const bytes = cell as Buffer
    sink.room(bytes.length)
    sink.used += bytes.copy(sink.buffer, sink.used)
  },
  vector: () => (sink, cell) => {
    const numbers = cell as readonly number[]
    sink.int16(numbers.length)
    sink.int16(0)
    sink.room(numbers.length * 4)
    for (const number of numbers) sink.used = sink.buffer.writeFloatBE(number, sink.used)
  },
}

// Postgres counts from 2000-01-01.
const EPOCH_MICROS = 946_684_800_000_000n
const EPOCH_MICROS_NUMBER = Number(EPOCH_MICROS)
const EPOCH_DAYS = 10_957
const JSONB_VERSION = 1

const writeText: CellWriter = (sink, cell) => sink.text(cell as string)

function writeInt64(sink: Sink, value: bigint): void {
  sink.room(8)
  sink.used = sink.buffer.writeBigInt64BE(value, sink.used)
}

function arrayWriter(type: ColumnType, oid: number): CellWriter {
  const element = WRITERS[type.base](type)
  // Elements of other types travel as text[].
  const elementOid = type.base === 'other' ? TEXT_OID : oid
  return (sink, cell) => {
    const cells = cell as readonly Cell[]
    sink.arrayHead(elementOid, cells)
    for (const it of cells) sink.field(element, it)
  }
}

const TEXT_OID = 25
