/**
 * Latencies in fixed buckets, so that histograms of many instances and many moments add up, and a percentile of the sum is a percentile of
 * all calls (never an average of percentiles). Four buckets an octave: a percentile is off by less than one bucket, 19 %.
 */
export type Histogram = readonly number[]

/** Upper bounds of the buckets in milliseconds: 0.1, then ×2^¼ each, to about 105 seconds; one more bucket takes all above. */
export const BOUNDS_MILLIS: readonly number[] = Array.from(
  { length: 81 },
  (_, index) => 0.1 * 2 ** (index / 4),
)

/** The bucket that a latency falls into. */
export const bucketOf = (millis: number): number =>
  Math.max(0, Math.min(BOUNDS_MILLIS.length, Math.ceil(4 * Math.log2(millis / 0.1) - 1e-9)))

export const emptyHistogram = (): number[] => new Array(BOUNDS_MILLIS.length + 1).fill(0)

/**
 * The latency that a share (0.95) of the calls does not exceed, in milliseconds: the upper bound of the bucket that holds it. Undefined
 * where nothing was measured; Infinity beyond the last bound.
 */
export function quantile(histogram: Histogram, share: number): number | undefined {
  const total = histogram.reduce((sum, it) => sum + it, 0)
  if (total === 0) return undefined
  const rank = Math.max(1, Math.ceil(total * share))
  let seen = 0
  for (const [bucket, count] of histogram.entries()) {
    seen += count
    if (seen >= rank) return BOUNDS_MILLIS[bucket] ?? Number.POSITIVE_INFINITY
  }
  return Number.POSITIVE_INFINITY
}
