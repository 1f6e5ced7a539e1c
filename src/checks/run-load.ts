import { KvmigError } from '../errors.ts'
import { bucketOf, emptyHistogram, quantile } from '../state/histogram.ts'
import type { LoadResult } from './load-report.ts'

/** The part of autocannon that is used here. */
interface Cannon {
  on(
    event: 'response',
    listen: (client: unknown, status: number, bytes: number, millis: number) => void,
  ): void
  on(event: 'reqError', listen: () => void): void
  stop(): void
  then(done: (result: { readonly duration: number }) => void, failed: (error: unknown) => void): void
}
type Autocannon = (options: {
  readonly url: string
  readonly connections: number
  readonly duration: number
  readonly headers: Readonly<Record<string, string>>
}) => Cannon

/** Asks a URL from many connections for a while. An answer of 400 or more, and none at all, count as errors. */
export async function runLoad(
  {
    url,
    connections,
    seconds,
    headers,
  }: {
    readonly url: string
    readonly connections: number
    readonly seconds: number
    readonly headers: Readonly<Record<string, string>>
  },
  signal: AbortSignal,
): Promise<LoadResult> {
  const autocannon = await load()
  const histogram = emptyHistogram()
  let [requests, errors] = [0, 0]
  const cannon = autocannon({ url, connections, duration: seconds, headers })
  cannon.on('response', (_client, status, _bytes, millis) => {
    requests += 1
    if (status >= 400) errors += 1
    histogram[bucketOf(millis)]! += 1
  })
  cannon.on('reqError', () => {
    requests += 1
    errors += 1
  })
  const stop = (): void => cannon.stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const { duration } = await new Promise<{ readonly duration: number }>((done, failed) =>
      cannon.then(done, failed),
    )
    signal.throwIfAborted()
    return {
      requests,
      errors,
      p95Millis: quantile(histogram, 0.95),
      perMinute: duration > 0 ? (60 * requests) / duration : undefined,
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function load(): Promise<Autocannon> {
  try {
    const name = 'autocannon'
    const found: { default: Autocannon } = await import(name)
    return found.default
  } catch {
    throw new KvmigError('LOAD', 'autocannon, which makes the load, is not installed.', {
      hint: 'npm install autocannon, or name a report of artillery or k6: load: { report: ./report.json }.',
    })
  }
}
