import { compareNumbers, multiply } from '../decimal.ts'
import { numberArgument } from './literal.ts'
import { exactQuotient } from './multiply.ts'
import { mapNumber } from './number-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const divide: Transform = {
  name: 'divide',
  summary: 'A number divided by another, exactly; a quotient without an end is refused.',
  parameters: [{ name: 'divisor', type: 'number' }],
  takes: ['number'],
  gives: () => 'number',
  create: (args) => {
    const divisor = numberArgument(args, 0, 'The divisor')
    if (compareNumbers(divisor, '0') === 0) throw new ArgumentError('The divisor must not be 0.')
    return {
      forward: mapNumber((text) => exactQuotient(text, divisor)),
      inverse: mapNumber((text) => multiply(text, divisor)),
    }
  },
}
