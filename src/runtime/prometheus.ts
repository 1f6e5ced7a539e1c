import { BOUNDS_MILLIS, quantile } from '../state/histogram.ts'
import type { Counter, Latency } from '../state/metrics.ts'
import type { OutboxDepth } from '../state/outbox.ts'

/** What this instance measured since its start, in Prometheus's text format 0.0.4. Seconds, as is the custom there. */
export function prometheusText(
  { latencies, counters }: { readonly latencies: readonly Latency[]; readonly counters: readonly Counter[] },
  outbox: readonly OutboxDepth[],
): string {
  const lines: string[] = []
  const family = (name: string, type: string, help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
  family('kvmig_latency_seconds', 'histogram', 'Time that operations took, by plan, side and operation.')
  for (const { plan, side, operation, histogram } of latencies) {
    const of = labels({ plan, side, operation })
    let seen = 0
    let sum = 0
    for (const [bucket, many] of histogram.entries()) {
      seen += many
      const bound = BOUNDS_MILLIS[bucket]
      sum += (many * (bound ?? BOUNDS_MILLIS.at(-1)!)) / 1000
      const le = bound === undefined ? '+Inf' : secondsOf(bound)
      lines.push(`kvmig_latency_seconds_bucket{${of},le="${le}"} ${seen}`)
    }
    // A sum of bounds: the histogram is all that is kept.
    lines.push(`kvmig_latency_seconds_sum{${of}} ${sum}`, `kvmig_latency_seconds_count{${of}} ${seen}`)
  }
  family(
    'kvmig_latency_quantile_seconds',
    'gauge',
    'Time that this share of the operations since the start did not exceed. For many instances, take histogram_quantile of the histogram.',
  )
  for (const { plan, side, operation, histogram } of latencies)
    for (const share of SHARES) {
      const millis = quantile(histogram, share)
      if (millis !== undefined)
        lines.push(
          `kvmig_latency_quantile_seconds{${labels({ plan, side, operation, quantile: String(share) })}} ${secondsOf(millis)}`,
        )
    }
  family('kvmig_errors_total', 'counter', 'Operations that failed, by plan, side and operation.')
  for (const { plan, side, operation, errors } of latencies)
    lines.push(`kvmig_errors_total{${labels({ plan, side, operation })}} ${errors}`)
  family('kvmig_events_total', 'counter', 'What shadow reads and writes came to, by plan.')
  for (const { plan, name, count } of counters)
    lines.push(`kvmig_events_total{${labels({ plan, event: name })}} ${count}`)
  family('kvmig_outbox_entries', 'gauge', 'Changes that the source has not confirmed yet.')
  for (const { plan, entries } of outbox) lines.push(`kvmig_outbox_entries{${labels({ plan })}} ${entries}`)
  family('kvmig_outbox_oldest_seconds', 'gauge', 'Age of the oldest of them.')
  for (const { plan, oldestMillis } of outbox)
    lines.push(`kvmig_outbox_oldest_seconds{${labels({ plan })}} ${oldestMillis / 1000}`)
  return `${lines.join('\n')}\n`
}

const SHARES = [0.5, 0.95, 0.99]

const secondsOf = (millis: number): string =>
  millis === Number.POSITIVE_INFINITY ? '+Inf' : String(Number((millis / 1000).toPrecision(6)))

const labels = (pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`)
    .join(',')
