import { compareNumbers, divide, multiply as product } from '../decimal.ts'
import { RejectError } from '../value.ts'
import { numberArgument } from './literal.ts'
import { mapNumber } from './number-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const multiply: Transform = {
  name: 'multiply',
  summary: 'A number times a factor, exactly.',
  parameters: [{ name: 'factor', type: 'number' }],
  takes: ['number'],
  gives: () => 'number',
  create: (args) => {
    const factor = numberArgument(args, 0, 'The factor')
    if (compareNumbers(factor, '0') === 0) throw new ArgumentError('The factor must not be 0.')
    return {
      forward: mapNumber((text) => product(text, factor)),
      inverse: mapNumber((text) => exactQuotient(text, factor)),
    }
  },
}

/** Throws LOSSY_ROUNDING where the quotient has no end as a decimal. */
export function exactQuotient(dividend: string, divisor: string): string {
  const quotient = divide(dividend, divisor)
  if (quotient === undefined)
    throw new RejectError('LOSSY_ROUNDING', 'The quotient has no end as a decimal number.')
  return quotient
}
