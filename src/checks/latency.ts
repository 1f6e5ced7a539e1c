import { object } from '../plan/schema-parts.ts'
import { quantile } from '../state/histogram.ts'
import { baselineOf, durationOrMore, isShare, limitOf, NO_BASELINE } from './baseline.ts'
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
      p50: durationOrMore,
      p95: durationOrMore,
      p99: durationOrMore,
      ...periodProperties('1m', 200),
    },
    { title: 'a map with p50, p95, p99, over, samples' },
  ),
  run: async (scope, options) => {
    const { samples = 200 } = options
    const { histogram, count } = await callsOf(scope, overMillis(options, '1m'))
    const wanted = Object.entries(SHARES).flatMap(([name, of]) => {
      const limit = options[name as keyof typeof SHARES]
      return limit === undefined ? [] : [{ name, limit, millis: quantile(histogram, of) }]
    })
    const isCompared = wanted.some((it) => isShare(it.limit))
    const baseline = isCompared
      ? await baselineOf(scope.ledger, scope.plan.name, { check: 'latency' })
      : undefined
    const asked = wanted.map(({ name, limit, millis }) => {
      const before = baseline?.[name]
      return { name, millis, limit: limitOf(limit, typeof before === 'number' ? before : undefined) }
    })
    const facts = {
      measured:
        count === 0
          ? 'No call was measured.'
          : `${asked.map(({ name, millis }) => `${name} is ${show(millis)}`).join(', ')}, of ${count.toLocaleString('en-US')} calls.`,
      expected: `${asked.map(({ name, limit }) => `${name} is ${show(limit)} at most`).join(', ')}, of at least ${samples}.`,
      data: {
        count,
        ...(baseline ? { baseline } : {}),
        ...Object.fromEntries(asked.map(({ name, millis }) => [name, millis])),
      },
    }
    if (asked.length === 0) return unknown(latency, { ...facts, hint: 'Say which percentile: p95: 500ms.' })
    if (asked.some((it) => it.limit === undefined)) return unknown(latency, { ...facts, hint: NO_BASELINE })
    if (count < samples) return unknown(latency, { ...facts, hint: 'Too few calls to judge by.' })
    return asked.every(({ limit, millis }) => (millis ?? 0) <= limit!)
      ? pass(latency, facts)
      : fail(latency, { ...facts, hint: 'Look at the slow queries; kvmig check asks index_use again.' })
  },
}

const show = (millis: number | undefined): string =>
  millis === undefined ? 'unknown' : Number.isFinite(millis) ? `${millis.toFixed(1)} ms` : 'more than 105 s'
