import { canonicalNumeric } from '../decimal.ts'
import { Decimal, RejectError } from '../value.ts'
import { integerText } from './canonical-number.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const int: Transform = {
  name: 'int',
  summary:
    'An integer, from text in its plain form (`007`, `+5`, ` 5` and `5.0` are refused) or from a number equal to one.',
  parameters: [],
  takes: ['text', 'number'],
  gives: () => 'number',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      if (typeof value === 'string') return new Decimal(integerText(value))
      if (!(value instanceof Decimal)) throw mismatch('an integer', value)
      const [whole = '', fraction = ''] = canonicalNumeric(value.text).split('.')
      if (!/^0*$/.test(fraction))
        throw new RejectError('NOT_AN_INTEGER', 'Expected an integer, found a number with decimal places.')
      return new Decimal(whole === '-0' ? '0' : whole)
    },
    inverse: (value) => value,
    injective: true,
  }),
}
