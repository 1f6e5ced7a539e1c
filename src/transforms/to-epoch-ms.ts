import { canonicalNumeric, multiply } from '../decimal.ts'
import { Decimal, Instant, RejectError } from '../value.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

/** For columns of libraries that keep moments as numbers. */
export const toEpochMs: Transform = {
  name: 'to_epoch_ms',
  summary: 'The milliseconds since 1970 of a moment: `$expires_at | to_epoch_ms`. A finer moment is refused.',
  parameters: [],
  takes: ['instant'],
  gives: () => 'number',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      if (!(value instanceof Instant)) throw mismatch('a moment', value)
      if (value.micros % 1000n !== 0n)
        throw new RejectError('LOSSY_PRECISION', 'The moment is finer than a millisecond.')
      return new Decimal(String(value.micros / 1000n))
    },
    inverse: (value) => {
      if (value === null || value === undefined) return value
      if (!(value instanceof Decimal)) throw mismatch('a number', value)
      const [micros = '', fraction = ''] = canonicalNumeric(multiply(value.text, '1000')).split('.')
      if (!/^0*$/.test(fraction))
        throw new RejectError('LOSSY_PRECISION', 'The count is finer than a microsecond.')
      return new Instant(BigInt(micros))
    },
  }),
}
