import { Decimal } from '../value.ts'
import { numberText } from './canonical-number.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const float: Transform = {
  name: 'float',
  summary:
    'A number for a real or double precision column, from text or from a number; infinity and NaN are refused.',
  parameters: [],
  takes: ['text', 'number'],
  gives: () => 'number',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined || value instanceof Decimal) return value
      if (typeof value !== 'string') throw mismatch('a number', value)
      return new Decimal(numberText(value))
    },
    inverse: (value) => value,
  }),
}
