import { isUtf8 } from 'node:buffer'
import type { Stored } from './stored.ts'
import type { KeyColumn, SqliteTable } from './tables.ts'

/**
 * The key of a row: the table's name, then the values of its primary key, with `:` in between: `events:db548b86`, `members:42:7`. In names, and
 * where the primary key has several columns in their values, `:` is written `%3A` and `%` is `%25`. A table without a primary key has
 * rowids. What could be taken for something else is marked: a blob is `x'00ff'`, a text where numbers may be is `'12'`.
 */
export function rowKey({ name, key }: SqliteTable, values: readonly Stored[], rowid: Stored): Buffer {
  const prefix = tablePrefix(name)
  if (key.length === 0) return Buffer.from(`${prefix}${rowid}`)
  // SQLite lets a primary key be NULL, any number of times: then only the rowid tells the rows apart.
  if (values.includes(null)) return Buffer.from(`${prefix}rowid=${rowid}`)
  const parts = values.map((value, index) => keyPart(value, key[index]!))
  return Buffer.concat([Buffer.from(prefix), ...joined(parts)])
}

/** What the keys of a table begin with. */
export const tablePrefix = (name: string): string => `${escaped(name)}:`

/** Where a row is: the values of its primary key, or its rowid. */
export type Place =
  | { readonly kind: 'key'; readonly values: readonly Stored[] }
  | { readonly kind: 'rowid'; readonly rowid: bigint }

/** Reads what follows the prefix. What is found there has to be asked for its key again: a collation may take others for equal. */
export function readPlace({ key }: SqliteTable, rest: Buffer): Place | undefined {
  const text = rest.toString('latin1')
  const rowid = (key.length === 0 ? /^(-?\d{1,19})$/ : /^rowid=(-?\d{1,19})$/).exec(text)?.[1]
  if (rowid !== undefined) return { kind: 'rowid', rowid: BigInt(rowid) }
  if (key.length === 0) return undefined
  const parts = key.length === 1 ? [rest] : text.split(':').map((it) => Buffer.from(unescaped(it), 'latin1'))
  return parts.length === key.length ? { kind: 'key', values: parts.map(readPart) } : undefined
}

const escaped = (text: string): string => text.replace(/[%:]/g, (it) => (it === ':' ? '%3A' : '%25'))
const unescaped = (text: string): string => text.replace(/%(3A|25)/g, (_, hex) => (hex === '3A' ? ':' : '%'))

function joined(parts: readonly Buffer[]): Buffer[] {
  if (parts.length === 1) return [parts[0]!]
  return [Buffer.from(parts.map((it) => escaped(it.toString('latin1'))).join(':'), 'latin1')]
}

function keyPart(value: Stored, { isText, isAny }: KeyColumn): Buffer {
  if (value === null || typeof value !== 'object') return Buffer.from(String(value))
  const { kind, bytes } = value
  if (kind === 'blob') return Buffer.from(`x'${bytes.toString('hex')}'`)
  const text = bytes.toString('latin1')
  const isUnclear = /^x?'|^rowid=/.test(text) || (!isText && (isAny || isNumber(text)))
  return isUnclear ? Buffer.concat([QUOTE, bytes, QUOTE]) : bytes
}

const QUOTE = Buffer.from("'")

const isNumber = (text: string): boolean => text.trim() !== '' && !Number.isNaN(Number(text))

function readPart(bytes: Buffer): Stored {
  const text = bytes.toString('latin1')
  const hex = /^x'((?:[0-9a-f]{2})*)'$/.exec(text)?.[1]
  if (hex !== undefined) return { kind: 'blob', bytes: Buffer.from(hex, 'hex') }
  if (/^'.*'$/s.test(text)) return { kind: 'text', bytes: bytes.subarray(1, -1) }
  if (/^-?\d{1,19}$/.test(text) && isInteger(text)) return BigInt(text)
  if (text !== '' && isUtf8(bytes) && String(Number(text)) === text) return Number(text)
  return { kind: 'text', bytes }
}

// Of 64 bits, written as SQLite would.
const isInteger = (text: string): boolean =>
  String(BigInt(text)) === text && BigInt.asIntN(64, BigInt(text)) === BigInt(text)
