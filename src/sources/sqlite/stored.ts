import type { Cell } from './file.ts'

/** A value as it is stored: one of SQLite's five storage classes. A text is its UTF-8 bytes, which may be none in truth. */
export type Stored = null | bigint | number | { readonly kind: 'text' | 'blob'; readonly bytes: Buffer }

/** The SQL that asks for a column so that nothing of it is lost: its storage class, and its value with a text as bytes. */
export const askFor = (column: string): readonly [kind: string, value: string] => [
  `typeof(${column})`,
  `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) ELSE ${column} END`,
]

/** What was answered, two cells a column. `encoding`: of the database, `UTF-8`, `UTF-16le` or `UTF-16be`. */
export function readStored(cells: readonly Cell[], encoding: string): Stored[] {
  const values: Stored[] = []
  for (let at = 0; at + 1 < cells.length; at += 2) {
    const [kind, value] = [cells[at], cells[at + 1]!]
    if (kind === 'text' || kind === 'blob') {
      // An empty one is NULL in some libraries.
      const bytes = value === null ? Buffer.alloc(0) : Buffer.from(value as Uint8Array)
      values.push({ kind, bytes: kind === 'text' ? toUtf8(bytes, encoding) : bytes })
    } else if (kind === 'real') values.push(Number(value))
    else values.push(value as null | bigint)
  }
  return values
}

// What is no UTF-16 stays as it is: then it is no UTF-8 either, and is rejected as such.
function toUtf8(bytes: Buffer, encoding: string): Buffer {
  if (encoding === 'UTF-8') return bytes
  if (bytes.length % 2 !== 0) return bytes
  const text = (encoding === 'UTF-16be' ? Buffer.from(bytes).swap16() : bytes).toString('utf16le')
  return /\p{Surrogate}/u.test(text) ? Buffer.concat([Buffer.from([0xff]), bytes]) : Buffer.from(text)
}
