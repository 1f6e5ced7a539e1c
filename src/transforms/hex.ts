import { RejectError } from '../value.ts'
import { mismatch } from './kind.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const hex: Transform = {
  name: 'hex',
  summary: 'The bytes that hexadecimal digits describe.',
  parameters: [],
  takes: ['text'],
  gives: () => 'bytes',
  create: () => ({
    forward: mapText(readHex),
    inverse: (value) => {
      if (value === null || value === undefined) return value
      if (!Buffer.isBuffer(value)) throw mismatch('bytes', value)
      return value.toString('hex')
    },
  }),
}

/** Throws CODEC_MISMATCH for an odd number of digits, or anything else. */
export function readHex(text: string): Buffer {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text))
    throw new RejectError('CODEC_MISMATCH', 'The text is not pairs of hexadecimal digits.')
  return Buffer.from(text, 'hex')
}
