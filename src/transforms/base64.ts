import { RejectError } from '../value.ts'
import { mismatch } from './kind.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const base64: Transform = {
  name: 'base64',
  summary: 'The bytes that a base64 text describes (standard alphabet, padded).',
  parameters: [],
  takes: ['text'],
  gives: () => 'bytes',
  create: () => ({
    forward: mapText(readBase64),
    inverse: (value) => {
      if (value === null || value === undefined) return value
      if (!Buffer.isBuffer(value)) throw mismatch('bytes', value)
      return value.toString('base64')
    },
    injective: true,
  }),
}

/** Throws CODEC_MISMATCH for text that is not exactly what these bytes are in base64. */
export function readBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text)
    throw new RejectError('CODEC_MISMATCH', 'The text is not base64 (standard alphabet, padded).')
  return bytes
}
