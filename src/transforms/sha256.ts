import { createHash } from 'node:crypto'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const sha256: Transform = {
  name: 'sha256',
  summary: 'The SHA-256 of a text (its UTF-8) or of bytes, as 64 hexadecimal digits.',
  parameters: [],
  takes: ['text', 'bytes'],
  gives: () => 'text',
  oneWay: 'a hash cannot be undone',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      if (typeof value !== 'string' && !Buffer.isBuffer(value)) throw mismatch('text or bytes', value)
      return createHash('sha256').update(value).digest('hex')
    },
  }),
}
