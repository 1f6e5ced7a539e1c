// Of a list of numbers.

export const median = (values) => percentile(values, 0.5)

/** The smallest value that so large a share of them does not exceed. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

export const spread = (values) => ({
  median: median(values),
  low: Math.min(...values),
  high: Math.max(...values),
})

/** How `y` grows with `x`: the exponent of the power that fits best, which is the slope of their logarithms. */
export function exponent(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)])
  const mean = (at) => logs.reduce((sum, it) => sum + it[at], 0) / logs.length
  const [x, y] = [mean(0), mean(1)]
  const sum = (of) => logs.reduce((total, it) => total + of(it), 0)
  return sum((it) => (it[0] - x) * (it[1] - y)) / sum((it) => (it[0] - x) ** 2)
}
