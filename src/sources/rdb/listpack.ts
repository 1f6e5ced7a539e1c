import { ByteStrings } from '../../byte-strings.ts'

/** Says what is wrong with a packed value, in the words of the file it is from. */
export type Complain = (what: string) => Error

/** The elements of a listpack; integers as the text they stand for. */
export function listpack(bytes: Buffer, complain: Complain): Buffer[] {
  const items: Buffer[] = []
  walk(bytes, complain, {
    text: (start, end) => items.push(bytes.subarray(start, end)),
    integer: (text) => items.push(Buffer.from(text)),
  })
  return items
}

/** The same in one piece. */
export function listpackStrings(bytes: Buffer, complain: Complain): ByteStrings {
  // No integer is written in so few bytes that its text would be longer than twice of them: they have a length behind them.
  const made = Buffer.allocUnsafe(2 * bytes.length)
  const places: number[] = []
  let used = 0
  walk(bytes, complain, {
    text: (start, end) => {
      places.push(used)
      // Most are short: a call into native code would cost more than a loop.
      if (end - start <= SHORT) for (let at = start; at < end; at++) made[used++] = bytes[at]!
      else used += bytes.copy(made, used, start, end)
      places.push(used)
    },
    integer: (text) => {
      places.push(used)
      used += made.write(text, used, 'latin1')
      places.push(used)
    },
  })
  return new ByteStrings(made, places)
}

const SHORT = 64

interface Sink {
  text(start: number, end: number): void
  integer(text: string): void
}

function walk(bytes: Buffer, complain: Complain, sink: Sink): void {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== bytes.length || bytes.at(-1) !== END)
    throw complain('a listpack of another length than it says')
  const last = bytes.length - 1
  let at = 6
  while (at < last) {
    const start = at
    const first = bytes[at]!
    if (first < 0x80) {
      sink.integer(String(first))
      at += 1
    } else if (first < 0xc0) {
      at += 1 + text(at + 1, first & 63)
    } else if (first < 0xe0) {
      if (at + 2 > last) throw complain('a listpack that ends within an element')
      const value = ((first & 31) << 8) | bytes[at + 1]!
      sink.integer(String(value >= 4096 ? value - 8192 : value))
      at += 2
    } else if (first < 0xf0) {
      if (at + 2 > last) throw complain('a listpack that ends within an element')
      at += 2 + text(at + 2, ((first & 15) << 8) | bytes[at + 1]!)
    } else if (first === 0xf0) {
      if (at + 5 > last) throw complain('a listpack that ends within an element')
      at += 5 + text(at + 5, bytes.readUInt32LE(at + 1))
    } else {
      const width = WIDTHS[first - 0xf1]
      if (width === undefined) throw complain('a listpack with an element of no kind')
      if (at + 1 + width > last) throw complain('a listpack that ends within an element')
      sink.integer(
        width === 8 ? String(bytes.readBigInt64LE(at + 1)) : String(bytes.readIntLE(at + 1, width)),
      )
      at += 1 + width
    }
    at += backwardLength(at - start)
  }
  if (at !== last) throw complain('a listpack that ends within an element')

  function text(start: number, length: number): number {
    if (start + length > last) throw complain('a listpack that ends within an element')
    sink.text(start, start + length)
    return length
  }
}

const END = 0xff
/** Bytes of the integers 0xf1 … 0xf4. */
const WIDTHS = [2, 3, 4, 8]

// How many bytes say, for whoever walks backwards, how long the element was.
function backwardLength(length: number): number {
  if (length < 128) return 1
  if (length < 16384) return 2
  if (length < 2097152) return 3
  return length < 268435456 ? 4 : 5
}
