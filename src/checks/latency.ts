import { parseDuration } from '../plan/duration.ts'
import { duration, object } from '../plan/schema-parts.ts'
import { quantile } from '../state/histogram.ts'
import type { Check } from './check.ts'
import { fail, pass, unknown } from './finding.ts'
import { callsOf, overMillis, type Period, periodProperties } from './runtime-metrics.ts'

const SHARES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const

type Options = Period & { readonly [S in keyof typeof SHARES]?: string }

export const latency: Check<Options> = {
  name: 'latency',
  code: 'KV327',
  summary:
    'Calls of the application are as quick as they should be, by the percentiles of all instances together.',
  options: object(
    {
      p50: duration,
      p95: duration,
      p99: duration,
      ...periodProperties('1m', 200),
    },
    { title: 'a map with p50, p95, p99, over, samples' },
  ),
  run: async (scope, options) => {
    const { samples = 200 } = options
    const { histogram, count } = await callsOf(scope, overMillis(options, '1m'))
    const asked = Object.entries(SHARES).flatMap(([name, of]) => {
      const limit = parseDuration(options[name as keyof typeof SHARES] ?? '')
      return limit === undefined ? [] : [{ name, limit, millis: quantile(histogram, of) }]
    })
    const facts = {
      measured:
        count === 0
          ? 'No call was measured.'
          : `${asked.map(({ name, millis }) => `${name} is ${show(millis)}`).join(', ')}, of ${count.toLocaleString('en-US')} calls.`,
      expected: `${asked.map(({ name, limit }) => `${name} is ${limit} ms at most`).join(', ')}, of at least ${samples}.`,
      data: { count, ...Object.fromEntries(asked.map(({ name, millis }) => [name, millis])) },
    }
    if (asked.length === 0) return unknown(latency, { ...facts, hint: 'Say which percentile: p95: 500ms.' })
    if (count < samples) return unknown(latency, { ...facts, hint: 'Too few calls to judge by.' })
    return asked.every(({ limit, millis }) => (millis ?? 0) <= limit)
      ? pass(latency, facts)
      : fail(latency, { ...facts, hint: 'Look at the slow queries; kvmig check asks index_use again.' })
  },
}

const show = (millis: number | undefined): string =>
  millis === undefined ? 'unknown' : Number.isFinite(millis) ? `${millis.toFixed(1)} ms` : 'more than 105 s'
