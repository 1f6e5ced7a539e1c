import { shiftPoint } from '../decimal.ts'
import { numberArgument } from './literal.ts'
import { mapNumber } from './number-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const scale: Transform = {
  name: 'scale',
  summary: 'The decimal point moved to the left: `12345 | scale(2)` is 123.45, cents become units.',
  parameters: [{ name: 'digits', type: 'integer' }],
  takes: ['number'],
  gives: () => 'number',
  create: (args) => {
    const digits = Number(numberArgument(args, 0, 'The number of digits'))
    if (!Number.isInteger(digits) || Math.abs(digits) > 1000)
      throw new ArgumentError('The number of digits has to be an integer up to 1000.')
    return {
      forward: mapNumber((text) => shiftPoint(text, digits)),
      inverse: mapNumber((text) => shiftPoint(text, -digits)),
    }
  },
}
