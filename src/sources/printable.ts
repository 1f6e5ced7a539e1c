import { isUtf8 } from 'node:buffer'

/** A key for people: quoted, on one line, not too long; as hexadecimal digits where it is not text. */
export function printable(key: Buffer): string {
  const text = isUtf8(key) ? JSON.stringify(key.toString()) : `0x${key.toString('hex')}`
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
