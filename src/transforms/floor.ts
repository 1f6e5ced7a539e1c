import { canonicalNumeric } from '../decimal.ts'
import { mapNumber } from './number-transform.ts'
import type { Transform } from './transform.ts'

export const floor: Transform = {
  name: 'floor',
  summary: 'The largest whole number that is not greater: 1.9 gives 1, -1.1 gives -2.',
  parameters: [],
  takes: ['number'],
  gives: () => 'number',
  oneWay: 'the fraction is forgotten',
  create: () => ({
    forward: mapNumber((text) => {
      const [whole = '', fraction = ''] = canonicalNumeric(text).split('.')
      const isWhole = /^0*$/.test(fraction)
      if (whole.startsWith('-') && !isWhole) return String(BigInt(whole) - 1n)
      return whole === '-0' ? '0' : whole
    }),
  }),
}
