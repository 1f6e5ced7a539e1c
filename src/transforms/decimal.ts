import { canonicalNumeric } from '../decimal.ts'
import { Decimal } from '../value.ts'
import { numberText } from './canonical-number.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const decimal: Transform = {
  name: 'decimal',
  summary: 'An exact number, from text or from a number: `1.10` keeps its zero, `1e3` becomes 1000.',
  parameters: [],
  takes: ['text', 'number'],
  gives: () => 'number',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      if (typeof value === 'string') return new Decimal(canonicalNumeric(numberText(value)))
      if (!(value instanceof Decimal)) throw mismatch('a number', value)
      return new Decimal(canonicalNumeric(value.text))
    },
    inverse: (value) => value,
  }),
}
