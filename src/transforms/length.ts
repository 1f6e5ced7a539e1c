import { Decimal } from '../value.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const length: Transform = {
  name: 'length',
  summary: 'Characters of a text (code points), bytes, elements of a list, keys of an object.',
  parameters: [],
  takes: ['text', 'bytes', 'array', 'object'],
  gives: () => 'number',
  oneWay: 'the value itself is forgotten',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      if (typeof value === 'string') return new Decimal(String(codePoints(value)))
      if (value instanceof Map) return new Decimal(String(value.size))
      if (Buffer.isBuffer(value) || Array.isArray(value)) return new Decimal(String(value.length))
      throw mismatch('text, bytes, a list or an object', value)
    },
  }),
}

/** Characters as Postgres counts them; `length` counts UTF-16 units. */
export function codePoints(text: string): number {
  let count = text.length
  for (let index = 0; index < text.length - 1; index++) {
    if ((text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00)
      count--
  }
  return count
}
