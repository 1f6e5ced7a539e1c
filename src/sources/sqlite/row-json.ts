import { isUtf8 } from 'node:buffer'
import type { Stored } from './stored.ts'

/**
 * A row as a JSON object of its columns, in their order: integers with all their digits, reals with a point or an exponent, texts as they
 * are, blobs in base64, NULL as null. An infinite real is the
 * text `Infinity`: JSON has no such number, and `9e999`, which SQLite writes, would be one with a thousand digits. A text that is no UTF-8 goes in as its bytes: then the
 * row is none either, and is rejected rather than changed.
 */
export function rowJson(columns: readonly string[], values: readonly Stored[]): Buffer {
  const parts: (string | Buffer)[] = []
  for (const [index, name] of columns.entries())
    parts.push(index === 0 ? '{' : ',', JSON.stringify(name), ':', valueJson(values[index]!))
  parts.push('}')
  if (parts.every((it) => typeof it === 'string')) return Buffer.from(parts.join(''))
  return Buffer.concat(parts.map((it) => Buffer.from(it)))
}

function valueJson(value: Stored): string | Buffer {
  if (value === null) return 'null'
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return realJson(value)
  if (value.kind === 'blob') return `"${value.bytes.toString('base64')}"`
  if (isUtf8(value.bytes)) return JSON.stringify(value.bytes.toString())
  // Escaped byte by byte, so that only the encoding is wrong.
  const escaped = JSON.stringify(value.bytes.toString('latin1'))
  return Buffer.from(escaped, 'latin1')
}

function realJson(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '"Infinity"' : '"-Infinity"'
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}
