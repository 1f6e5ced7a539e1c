import { fieldAt, type TupleWriter } from './codec.ts'

/** Rows in the order of (the beginning of) a field, in pieces for a COPY. */
export interface SortedTuples {
  /** The numbers of the rows. */
  readonly order: readonly number[]
  /** A view of the writer's memory and copies of it: to be used up before the writer is cleared. */
  pieces(): Iterable<Buffer>
}

/**
 * Random keys into a B-tree are what makes COPY slow at millions of rows. An order of the first bytes in which keys differ is enough for
 * the index to stay where it is, and costs next to nothing: those bytes and the row's number are one double, and doubles sort natively.
 */
export function sortedTuples(writer: TupleWriter, field: number | undefined): SortedTuples {
  const { count } = writer
  const order = field === undefined || count < 2 ? [...new Array(count).keys()] : orderOf(writer, field)
  return { order, pieces: () => pieces(writer, order) }
}

function orderOf(writer: TupleWriter, field: number): number[] {
  const { count } = writer
  const bytes = writer.all()
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  for (let row = 0; row < count; row++) {
    const at = fieldAt(bytes, writer.startOf(row), field)
    starts[row] = at + 4
    ends[row] = at + 4 + Math.max(0, bytes.readInt32BE(at))
  }
  const alike = commonLength(bytes, starts, ends)
  const rowBits = Math.ceil(Math.log2(count))
  const rows = 2 ** rowBits
  const keys = new Float64Array(count)
  for (let row = 0; row < count; row++) {
    let key = 0
    const from = starts[row]! + alike
    for (let at = from; at < from + PREFIX_BYTES; at++) key = key * 256 + (at < ends[row]! ? bytes[at]! : 0)
    keys[row] = Math.floor(key / 2 ** Math.max(0, 8 * PREFIX_BYTES + rowBits - 53)) * rows + row
  }
  return Array.from(keys.sort(), (it) => it % rows)
}

/** With a row's number of some 15 bits, what fits into the 53 bits of a double. */
const PREFIX_BYTES = 5

function commonLength(bytes: Buffer, starts: Int32Array, ends: Int32Array): number {
  const first = starts[0]!
  let alike = ends[0]! - first
  for (let row = 1; row < starts.length && alike > 0; row++) {
    const start = starts[row]!
    alike = Math.min(alike, ends[row]! - start)
    let at = 0
    while (at < alike && bytes[start + at] === bytes[first + at]) at++
    alike = at
  }
  return alike
}

const PIECE_BYTES = 1 << 18

function* pieces(writer: TupleWriter, order: readonly number[]): Generator<Buffer> {
  const bytes = writer.all()
  // A piece may still be waiting in the socket while the next one is filled.
  let piece = Buffer.allocUnsafe(PIECE_BYTES)
  let used = 0
  for (const row of order) {
    const [start, end] = [writer.startOf(row), writer.endOf(row)]
    if (used + end - start > PIECE_BYTES) {
      if (used > 0) yield piece.subarray(0, used)
      piece = Buffer.allocUnsafe(PIECE_BYTES)
      used = 0
      if (end - start > PIECE_BYTES / 2) {
        yield bytes.subarray(start, end)
        continue
      }
    }
    used += bytes.copy(piece, used, start, end)
  }
  if (used > 0) yield piece.subarray(0, used)
}
