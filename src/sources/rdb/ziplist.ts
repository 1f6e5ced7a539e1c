import type { Complain } from './listpack.ts'

/** The elements of a ziplist, as Redis before 7 wrote small collections; integers as the text they stand for. */
export function ziplist(bytes: Buffer, complain: Complain): Buffer[] {
  if (bytes.length < 11 || bytes.readUInt32LE(0) !== bytes.length || bytes.at(-1) !== END)
    throw complain('a ziplist of another length than it says')
  const items: Buffer[] = []
  const last = bytes.length - 1
  let at = 10
  while (at < last) {
    // How long the element before was.
    at += bytes[at] === 254 ? 5 : 1
    const first = need(1)
    if (first < 0x40) text(1, first)
    else if (first < 0x80) {
      need(2)
      text(2, bytes.readUInt16BE(at) & 0x3fff)
    } else if (first < 0xc0) {
      need(5)
      text(5, bytes.readUInt32BE(at + 1))
    } else if (first === 0xc0) integer(2)
    else if (first === 0xd0) integer(4)
    else if (first === 0xe0) integer(8)
    else if (first === 0xf0) integer(3)
    else if (first === 0xfe) integer(1)
    else if (first > 0xf0 && first < 0xfe) {
      items.push(Buffer.from(String(first - 0xf1)))
      at += 1
    } else throw complain('a ziplist with an element of no kind')
  }
  if (at !== last) throw complain('a ziplist that ends within an element')
  return items

  function need(count: number): number {
    if (at + count > last) throw complain('a ziplist that ends within an element')
    return bytes[at]!
  }
  function text(header: number, length: number): void {
    need(header + length)
    items.push(bytes.subarray(at + header, at + header + length))
    at += header + length
  }
  function integer(width: 1 | 2 | 3 | 4 | 8): void {
    need(1 + width)
    const value = width === 8 ? bytes.readBigInt64LE(at + 1) : bytes.readIntLE(at + 1, width)
    items.push(Buffer.from(String(value)))
    at += 1 + width
  }
}

const END = 0xff

/** Field, value, field, value … of a zipmap, as Redis before 2.6 wrote small hashes. */
export function zipmap(bytes: Buffer, complain: Complain): Buffer[] {
  const items: Buffer[] = []
  let at = 1
  while (bytes[at] !== END) {
    items.push(part(0))
    items.push(part(1))
  }
  if (at !== bytes.length - 1) throw complain('a zipmap that ends too early')
  return items

  // A value, unlike a field, has a byte that says how much room is left behind it.
  function part(spare: 0 | 1): Buffer {
    if (at >= bytes.length) throw complain('a zipmap that ends within an element')
    let length = bytes[at++]!
    if (length === 254) {
      if (at + 4 > bytes.length) throw complain('a zipmap that ends within an element')
      length = bytes.readUInt32LE(at)
      at += 4
    } else if (length > 254) throw complain('a zipmap with an element of no kind')
    const room = spare === 1 ? (bytes[at++] ?? 0) : 0
    if (at + length + room >= bytes.length) throw complain('a zipmap that ends within an element')
    const item = bytes.subarray(at, at + length)
    at += length + room
    return item
  }
}

/** The members of an intset: integers of one width, as text. */
export function intset(bytes: Buffer, complain: Complain): Buffer[] {
  const width = bytes.length < 8 ? 0 : bytes.readUInt32LE(0)
  if (width !== 2 && width !== 4 && width !== 8) throw complain('an intset of no known width')
  const count = bytes.readUInt32LE(4)
  if (bytes.length !== 8 + count * width) throw complain('an intset of another length than it says')
  const members: Buffer[] = []
  for (let at = 8; at < bytes.length; at += width)
    members.push(Buffer.from(String(width === 8 ? bytes.readBigInt64LE(at) : bytes.readIntLE(at, width))))
  return members
}
