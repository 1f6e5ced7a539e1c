import { textArray } from '../target/parameters.ts'
import type { Target } from '../target/target.ts'
import { emptyHistogram, type Histogram } from './histogram.ts'
import { readLedger } from './schema.ts'

/** Which side a latency was measured on; `call`: the whole call, as the application waited for it. */
export type Side = 'source' | 'target' | 'call'
export type Operation = 'get' | 'put' | 'delete'

/**
 * What is counted. `shadow.*`: what shadow reads found, after settling; they add up to the shadow reads. `shadow.churn`: a record that was
 * written at every look, so that no two sides of one moment were seen. `noise.*`: the source compared with itself, read twice a moment
 * apart, for every shadow read: as much as `noise.changed` differs without any fault. `cache.*`: reads that the read cache answered, or
 * could have answered. `write.unconfirmed`: calls that
 * ended with an error while one side may have taken the write. `write.degraded`: calls that succeeded while the source was down (policy
 * `available`). `write.unmapped`: writes in B with fields that no column takes. `fenced`: attempts of an instance with an old epoch. `source.*`: commands of the application that reached the source.
 */
export type CounterName =
  | 'shadow.match'
  | 'shadow.mismatch'
  | 'shadow.missing_in_source'
  | 'shadow.missing_in_target'
  | 'shadow.churn'
  | 'shadow.error'
  | 'shadow.timeout'
  | 'noise.same'
  | 'noise.changed'
  | 'cache.hit'
  | 'cache.miss'
  | 'write.unconfirmed'
  | 'write.degraded'
  | 'write.failed'
  | 'write.unmapped'
  | 'fenced'
  | 'read_through'
  | 'drained'
  | 'source.read'
  | 'source.write'

export interface Latency {
  readonly plan: string
  readonly side: Side
  readonly operation: Operation
  readonly count: number
  /** Calls that failed; they are part of `count`, and not of the histogram. */
  readonly errors: number
  readonly histogram: Histogram
}

export interface Counter {
  readonly plan: string
  readonly name: CounterName
  readonly count: number
}

/** Width of a bucket of time, by the database's clock. */
const BUCKET_SECONDS = 10

/** Adds what an instance measured since it last told. Twice is twice: after an unknown COMMIT it is better told again than not (it counts errors). */
export async function addMetrics(
  target: Target,
  instance: string,
  { latencies, counters }: { readonly latencies: readonly Latency[]; readonly counters: readonly Counter[] },
): Promise<void> {
  await target.transaction(async (tx) => {
    if (latencies.length > 0) {
      await tx.query(
        `INSERT INTO kvmig.latency AS l (plan, at, instance, side, operation, count, errors, histogram)
          SELECT plan, ${BUCKET}, $1, side, operation, count::bigint, errors::bigint, histogram::bigint[]
          FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS it(plan, side, operation, count, errors, histogram)
          ORDER BY plan, side, operation
          ON CONFLICT (plan, at, instance, side, operation) DO UPDATE SET count = l.count + excluded.count, errors = l.errors + excluded.errors,
            histogram = ARRAY(SELECT a + b FROM unnest(l.histogram, excluded.histogram) WITH ORDINALITY AS u(a, b, n) ORDER BY n)`,
        [
          instance,
          textArray(latencies.map((it) => it.plan)),
          textArray(latencies.map((it) => it.side)),
          textArray(latencies.map((it) => it.operation)),
          textArray(latencies.map((it) => String(it.count))),
          textArray(latencies.map((it) => String(it.errors))),
          textArray(latencies.map((it) => `{${it.histogram.join(',')}}`)),
        ],
      )
    }
    if (counters.length > 0) {
      await tx.query(
        `INSERT INTO kvmig.counter AS c (plan, at, instance, name, count)
          SELECT plan, ${BUCKET}, $1, name, count::bigint FROM unnest($2::text[], $3::text[], $4::text[]) AS it(plan, name, count)
          ORDER BY plan, name
          ON CONFLICT (plan, at, instance, name) DO UPDATE SET count = c.count + excluded.count`,
        [
          instance,
          textArray(counters.map((it) => it.plan)),
          textArray(counters.map((it) => it.name)),
          textArray(counters.map((it) => String(it.count))),
        ],
      )
    }
  })
}

const BUCKET = `to_timestamp(floor(extract(epoch FROM clock_timestamp()) / ${BUCKET_SECONDS}) * ${BUCKET_SECONDS})`

/** What a window is: from so long ago (whole buckets) until so long ago, by the database's clock. */
export interface Window {
  readonly fromMillis: number
  /** Default 0: until now. */
  readonly untilMillis?: number
}

/** All instances together, by plan, side and operation. Nothing measured: an empty list, which is "unknown", not "fine". */
export const readLatencies = (
  target: Target,
  plan: string,
  { fromMillis, untilMillis = 0 }: Window,
): Promise<readonly Latency[]> =>
  readLedger(
    target,
    async (tx) => {
      const rows = await tx.query(
        `SELECT side, operation, sum(count) AS count, sum(errors) AS errors,
            (SELECT json_agg(n) FROM (
              SELECT sum(h.n)::text AS n FROM kvmig.latency i, unnest(i.histogram) WITH ORDINALITY AS h(n, place)
              WHERE i.plan = $1 AND (i.side, i.operation) = (l.side, l.operation) AND ${within('i')} GROUP BY place ORDER BY place
            ) sums) AS histogram
          FROM kvmig.latency l WHERE l.plan = $1 AND ${within('l')} GROUP BY side, operation ORDER BY side, operation`,
        [plan, fromMillis, untilMillis],
      )
      return rows.map((row) => ({
        plan,
        side: row.side as Side,
        operation: row.operation as Operation,
        count: Number(row.count),
        errors: Number(row.errors),
        histogram: row.histogram ? (JSON.parse(row.histogram) as string[]).map(Number) : emptyHistogram(),
      }))
    },
    [],
  )

/** All instances together; a counter that nobody raised is left out. */
export const readCounters = (
  target: Target,
  plan: string,
  { fromMillis, untilMillis = 0 }: Window,
): Promise<ReadonlyMap<CounterName, number>> =>
  readLedger(
    target,
    async (tx) => {
      const rows = await tx.query(
        `SELECT name, sum(count) AS count FROM kvmig.counter c WHERE c.plan = $1 AND ${within('c')} GROUP BY name ORDER BY name`,
        [plan, fromMillis, untilMillis],
      )
      return new Map(rows.map((row) => [row.name as CounterName, Number(row.count)]))
    },
    new Map<CounterName, number>(),
  )

const within = (alias: string): string =>
  `${alias}.at > clock_timestamp() - $2 * interval '1 millisecond' - interval '${BUCKET_SECONDS} seconds' AND ${alias}.at <= clock_timestamp() - $3 * interval '1 millisecond'`

/** Forgets buckets older than this. */
export async function pruneMetrics(target: Target, olderMillis: number): Promise<void> {
  await target.transaction(async (tx) => {
    for (const table of ['latency', 'counter'])
      await tx.query(
        `DELETE FROM kvmig.${table} WHERE at < clock_timestamp() - $1 * interval '1 millisecond'`,
        [olderMillis],
      )
  })
}
