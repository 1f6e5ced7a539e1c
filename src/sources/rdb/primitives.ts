import type { ByteFile } from './byte-file.ts'
import { LZF_MOST, lzfDecompress } from './lzf.ts'

/** A length as Redis writes it: 6, 14, 32 or 64 bits. */
export function readLength(file: ByteFile): number {
  const at = file.position
  const first = file.byte()
  switch (first >> 6) {
    case 0:
      return first
    case 1:
      return ((first & 63) << 8) | file.byte()
    case 2: {
      if (first === WIDE) return file.bytes(4).readUInt32BE(0)
      const length = first === WIDEST ? Number(file.bytes(8).readBigUInt64BE(0)) : -1
      if (length >= 0 && length <= Number.MAX_SAFE_INTEGER) return length
      throw file.damaged('a length that cannot be', at)
    }
    default:
      throw file.damaged('there is no length where one should be', at)
  }
}

/** The same where all 64 bits may be used: ids of modules, parts of stream ids. */
export function readWide(file: ByteFile): bigint {
  if (file.peek() !== WIDEST) return BigInt(readLength(file))
  file.skip(1)
  return file.bytes(8).readBigUInt64BE(0)
}

/** A string: its bytes, a small integer in binary, or LZF. */
export function readString(file: ByteFile): Buffer {
  if (file.peek() >> 6 !== ENCODED) return file.bytes(readLength(file))
  const at = file.position
  const encoding = file.byte() & 63
  switch (encoding) {
    case 0:
      return Buffer.from(String(file.bytes(1).readInt8(0)))
    case 1:
      return Buffer.from(String(file.bytes(2).readInt16LE(0)))
    case 2:
      return Buffer.from(String(file.bytes(4).readInt32LE(0)))
    case LZF: {
      const packed = readLength(file)
      const size = readLength(file)
      const from = file.bytes(packed)
      if (size > packed * LZF_MOST) throw file.damaged('a compressed string cannot be that long', at)
      const into = Buffer.allocUnsafe(size)
      if (!lzfDecompress(from, 0, packed, into)) throw file.damaged('a compressed string does not unpack', at)
      return into
    }
    default:
      throw file.damaged(`a string in encoding ${encoding}, which does not exist`, at)
  }
}

export function skipString(file: ByteFile): void {
  if (file.peek() >> 6 !== ENCODED) {
    file.skip(readLength(file))
    return
  }
  const at = file.position
  const encoding = file.byte() & 63
  if (encoding < LZF) file.skip(1 << encoding)
  else if (encoding === LZF) {
    const packed = readLength(file)
    readLength(file)
    file.skip(packed)
  } else throw file.damaged(`a string in encoding ${encoding}, which does not exist`, at)
}

const WIDE = 0x80
const WIDEST = 0x81
/** The two highest bits of a first byte that is no length. */
const ENCODED = 3
const LZF = 3
