import { ByteStrings } from '../../byte-strings.ts'

/** Says what is wrong with a packed value, in the words of the file it is from. */
export type Complain = (what: string) => Error

/** The elements of a listpack; integers as the text they stand for. */
export function listpack(bytes: Buffer, complain: Complain): Buffer[] {
  const items: Buffer[] = []
  for (const walk = new Walk(bytes, complain); walk.next(); )
    items.push(walk.isInteger ? Buffer.from(walk.integerText()) : bytes.subarray(walk.start, walk.end))
  return items
}

/** The same in one piece. */
export function listpackStrings(bytes: Buffer, complain: Complain): ByteStrings {
  // No integer is written in so few bytes that its text would be longer than twice of them: they have a length behind them.
  const made = Buffer.allocUnsafe(2 * bytes.length)
  const places: number[] = []
  let used = 0
  for (const walk = new Walk(bytes, complain); walk.next(); ) {
    places.push(used)
    const { start, end, integer } = walk
    if (!walk.isInteger) {
      // Most are short: a call into native code would cost more than a loop.
      if (end - start <= SHORT) for (let at = start; at < end; at++) made[used++] = bytes[at]!
      else used += bytes.copy(made, used, start, end)
    } else if (Number.isSafeInteger(integer)) used = writeInteger(made, used, integer)
    else used += made.write(walk.integerText(), used, 'latin1')
    places.push(used)
  }
  return new ByteStrings(made, places, used)
}

const SHORT = 64

/** Goes over a listpack, element by element. */
class Walk {
  /** Is the element an integer? Otherwise its bytes lie between `start` and `end`. */
  isInteger = false
  start = 0
  end = 0
  /** The integer, or the nearest that a number can be. */
  integer = 0
  readonly #bytes: Buffer
  readonly #complain: Complain
  readonly #last: number
  #at = 6

  constructor(bytes: Buffer, complain: Complain) {
    if (bytes.length < 7 || bytes.readUInt32LE(0) !== bytes.length || bytes.at(-1) !== END)
      throw complain('a listpack of another length than it says')
    this.#bytes = bytes
    this.#complain = complain
    this.#last = bytes.length - 1
  }

  /** The next element; false behind the last. */
  next(): boolean {
    const bytes = this.#bytes
    const at = this.#at
    if (at === this.#last) return false
    // The length of one element went over the end.
    if (at > this.#last) throw this.#cut()
    const first = bytes[at]!
    if (first < 0x80) this.#number(at + 1, first)
    else if (first < 0xc0) this.#text(at + 1, first & 63)
    else if (first < 0xe0) {
      this.#require(at + 2)
      const value = ((first & 31) << 8) | bytes[at + 1]!
      this.#number(at + 2, value >= 4096 ? value - 8192 : value)
    } else if (first < 0xf0) {
      this.#require(at + 2)
      this.#text(at + 2, ((first & 15) << 8) | bytes[at + 1]!)
    } else if (first === 0xf0) {
      this.#require(at + 5)
      this.#text(at + 5, bytes.readUInt32LE(at + 1))
    } else {
      const width = WIDTHS[first - 0xf1]
      if (width === undefined) throw this.#complain('a listpack with an element of no kind')
      this.#require(at + 1 + width)
      this.#number(
        at + 1 + width,
        width === 8
          ? bytes.readInt32LE(at + 5) * 2 ** 32 + bytes.readUInt32LE(at + 1)
          : bytes.readIntLE(at + 1, width),
      )
    }
    this.#at = this.end + backwardLength(this.end - at)
    return true
  }

  /** Also of one that no number can be. */
  integerText(): string {
    return String(
      Number.isSafeInteger(this.integer) ? this.integer : this.#bytes.readBigInt64LE(this.end - 8),
    )
  }

  #number(end: number, integer: number): void {
    this.isInteger = true
    this.end = end
    this.integer = integer
  }

  #text(start: number, length: number): void {
    this.#require(start + length)
    this.isInteger = false
    this.start = start
    this.end = start + length
  }

  #require(end: number): void {
    if (end > this.#last) throw this.#cut()
  }

  #cut(): Error {
    return this.#complain('a listpack that ends within an element')
  }
}

/** Writes the digits of a safe integer, and answers where they end. */
function writeInteger(into: Buffer, from: number, integer: number): number {
  let left = Math.abs(integer)
  let end = from + (integer < 0 ? 2 : 1)
  if (integer < 0) into[from] = MINUS
  for (let most = 10; left >= most; most *= 10) end++
  for (let at = end - 1; ; at--) {
    const rest = Math.floor(left / 10)
    into[at] = ZERO + (left - 10 * rest)
    if (rest === 0) return end
    left = rest
  }
}

const MINUS = 0x2d
const ZERO = 0x30
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
