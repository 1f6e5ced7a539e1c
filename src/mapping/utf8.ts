import { isAscii, isUtf8 } from 'node:buffer'
import { RejectError } from '../value.ts'

/** What becomes of text that Postgres cannot hold: refused, or bytes replaced by U+FFFD and NUL dropped. */
export type TextPolicy = 'reject' | 'replace'

/**
 * Bytes as text, byte order mark and all. Throws INVALID_UTF8, or CODEC_MISMATCH where the bytes begin as those of a known format do;
 * NUL is text, and refused later by the columns that cannot hold it.
 */
export function readUtf8(bytes: Buffer, policy: TextPolicy = 'reject'): string {
  if (isAscii(bytes))
    return policy === 'replace' ? withoutNul(bytes.toString('latin1')) : bytes.toString('latin1')
  if (policy === 'replace') return withoutNul(bytes.toString('utf8'))
  if (isUtf8(bytes)) return bytes.toString('utf8')
  const format = FORMATS.find(({ magic }) => bytes.subarray(0, magic.length).equals(magic))
  throw format
    ? new RejectError('CODEC_MISMATCH', `Expected text, found what begins as ${format.name} does.`)
    : new RejectError('INVALID_UTF8', `The ${bytes.length} bytes are not valid UTF-8.`)
}

const withoutNul = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '') : text)

const FORMATS = [
  { name: 'gzip', magic: Buffer.from([0x1f, 0x8b, 0x08]) },
  { name: 'Zstandard', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { name: 'LZ4', magic: Buffer.from([0x04, 0x22, 0x4d, 0x18]) },
  { name: 'framed Snappy', magic: Buffer.from([0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]) },
  { name: 'a serialised Java object', magic: Buffer.from([0xac, 0xed, 0x00, 0x05]) },
  ...[2, 3, 4, 5].map((version) => ({ name: 'a Python pickle', magic: Buffer.from([0x80, version]) })),
  { name: 'a HyperLogLog', magic: Buffer.from('HYLL') },
]
