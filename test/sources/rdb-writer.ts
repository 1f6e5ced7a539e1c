/** Writes backups by hand, for what the Redis of the tests no longer writes, or does not write yet. */
export class RdbWriter {
  readonly #parts: Buffer[] = []

  constructor(version: number, server: 'REDIS' | 'VALKEY' = 'REDIS') {
    this.raw(`${server}${String(version).padStart(9 - server.length, '0')}`)
  }

  raw(...parts: readonly (string | Buffer | number | readonly number[])[]): this {
    for (const part of parts)
      this.#parts.push(typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as string))
    return this
  }

  length(count: number): this {
    if (count < 64) return this.raw(count)
    if (count < 16384) return this.raw([0x40 | (count >> 8), count & 255])
    const wide = Buffer.alloc(5, 0x80)
    wide.writeUInt32BE(count, 1)
    return this.raw(wide)
  }

  string(text: string | Buffer): this {
    const bytes = Buffer.from(text)
    return this.length(bytes.length).raw(bytes)
  }

  /** A note about the backup. */
  note(name: string, value: string): this {
    return this.raw(0xfa).string(name).string(value)
  }

  database(number: number): this {
    return this.raw(0xfe).length(number)
  }

  key(type: number, key: string): this {
    return this.raw(type).string(key)
  }

  /** The whole file, with its checksum where the version has one: `none` for the zeros of a server that writes none. */
  end(checksum: 'checksum' | 'none' | 'before there were any' = 'checksum'): Buffer {
    const bytes = Buffer.concat([...this.#parts, Buffer.from([0xff])])
    if (checksum === 'before there were any') return bytes
    return Buffer.concat([bytes, checksum === 'none' ? Buffer.alloc(8) : crc64(bytes)])
  }
}

// By the definition, a bit at a time: not the code under test.
function crc64(bytes: Buffer): Buffer {
  let crc = 0n
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n
  }
  const result = Buffer.alloc(8)
  result.writeBigUInt64LE(crc)
  return result
}

export const int = (width: 1 | 2 | 3 | 4, value: number): Buffer => {
  const bytes = Buffer.alloc(width)
  bytes.writeIntLE(value, 0, width)
  return bytes
}

export const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

/** Elements that are already encoded, each without the length of the one before. */
export function ziplist(elements: readonly (Buffer | readonly number[])[]): Buffer {
  const entries: Buffer[] = []
  let before = 0
  for (const element of elements) {
    const length = before < 254 ? Buffer.from([before]) : Buffer.concat([Buffer.from([254]), int(4, before)])
    const entry = Buffer.concat([length, Buffer.from(element)])
    entries.push(entry)
    before = entry.length
  }
  const body = Buffer.concat(entries)
  const tail = 10 + body.length - before
  return Buffer.concat([
    int(4, 11 + body.length),
    int(4, tail),
    int(2, elements.length),
    body,
    Buffer.from([255]),
  ])
}

/** A string of a ziplist in its shortest form, or in a longer one. */
export function ziplistText(
  text: string,
  form: 6 | 14 | 32 = text.length < 64 ? 6 : text.length < 16384 ? 14 : 32,
): Buffer {
  const bytes = Buffer.from(text)
  if (form === 6) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  if (form === 14)
    return Buffer.concat([Buffer.from([0x40 | (bytes.length >> 8), bytes.length & 255]), bytes])
  const header = Buffer.alloc(5, 0x80)
  header.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([header, bytes])
}

/** Strings of up to 63 bytes. */
export function listpack(elements: readonly string[]): Buffer {
  const entries = elements.map((element) => {
    const bytes = Buffer.from(element)
    return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes, Buffer.from([bytes.length + 1])])
  })
  const body = Buffer.concat(entries)
  return Buffer.concat([int(4, 7 + body.length), int(2, elements.length), body, Buffer.from([255])])
}
