import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BOUNDS_MILLIS, bucketOf, emptyHistogram, quantile } from '../../src/state/histogram.ts'

test('a percentile of added histograms is that of all calls, to less than a bucket', () => {
  const millis = fc.double({ min: 0.01, max: 100_000, noNaN: true })
  fc.assert(
    fc.property(
      fc.array(fc.array(millis, { minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(0.5, 0.95, 0.99),
      (instances, share) => {
        const sum = emptyHistogram()
        for (const it of instances.flat()) sum[bucketOf(it)]! += 1
        const all = instances.flat().sort((a, b) => a - b)
        const exact = all[Math.ceil(all.length * share) - 1]!
        const found = quantile(sum, share)!
        expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
        expect(found).toBeLessThanOrEqual(Math.max(BOUNDS_MILLIS[0]!, exact * 2 ** 0.25 * (1 + 1e-6)))
      },
    ),
  )
})

test('nothing measured has no percentile, and what is beyond all bounds is infinite', () => {
  expect(quantile(emptyHistogram(), 0.95)).toBeUndefined()
  const slow = emptyHistogram()
  slow[bucketOf(1e9)]! += 1
  expect(quantile(slow, 0.5)).toBe(Number.POSITIVE_INFINITY)
})
