/** Says what is wrong with a packed value, in the words of the file it is from. */
export type Complain = (what: string) => Error

/** The elements of a listpack; integers as the text they stand for. */
export function listpack(bytes: Buffer, complain: Complain): Buffer[] {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== bytes.length || bytes.at(-1) !== END)
    throw complain('a listpack of another length than it says')
  const items: Buffer[] = []
  const last = bytes.length - 1
  let at = 6
  while (at < last) {
    const start = at
    const first = bytes[at]!
    if (first < 0x80) {
      items.push(Buffer.from(String(first)))
      at += 1
    } else if (first < 0xc0) {
      at += 1 + text(at + 1, first & 63)
    } else if (first < 0xe0) {
      if (at + 2 > last) throw complain('a listpack that ends within an element')
      const value = ((first & 31) << 8) | bytes[at + 1]!
      items.push(Buffer.from(String(value >= 4096 ? value - 8192 : value)))
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
      items.push(
        Buffer.from(
          width === 8 ? String(bytes.readBigInt64LE(at + 1)) : String(bytes.readIntLE(at + 1, width)),
        ),
      )
      at += 1 + width
    }
    at += backwardLength(at - start)
  }
  if (at !== last) throw complain('a listpack that ends within an element')
  return items

  function text(start: number, length: number): number {
    if (start + length > last) throw complain('a listpack that ends within an element')
    items.push(bytes.subarray(start, start + length))
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
