import { parseDuration } from '../plan/duration.ts'
import { duration, type JsonSchema } from '../plan/schema-parts.ts'
import { emptyHistogram, type Histogram } from '../state/histogram.ts'
import { type CounterName, type Operation, readCounters, readLatencies } from '../state/metrics.ts'
import type { Scope } from './check.ts'

/** Over which period to look, and how much there has to be to judge by. */
export interface Period {
  readonly over?: string
  readonly samples?: number
}

/** What a check of the application's own measurements may say about its period. */
export const periodProperties = (over: string, samples: number): Readonly<Record<string, JsonSchema>> => ({
  over: { ...duration, description: `The period. Default ${over}.` },
  samples: {
    type: 'integer',
    minimum: 1,
    title: 'a whole number above 0',
    description: `With fewer there is too little to judge by. Default ${samples}.`,
  },
})

export const overMillis = ({ over }: Period, standard: string): number =>
  parseDuration(over ?? standard) ?? parseDuration(standard)!

/** What the instances measured of whole calls, all together. */
export async function callsOf(
  { target, plan }: Pick<Scope, 'target' | 'plan'>,
  fromMillis: number,
  operations: readonly Operation[] = ['get', 'put', 'delete'],
): Promise<{ readonly count: number; readonly errors: number; readonly histogram: Histogram }> {
  const all = await readLatencies(target, plan.name, { fromMillis })
  const own = all.filter((it) => it.side === 'call' && operations.includes(it.operation))
  return {
    count: own.reduce((sum, it) => sum + it.count, 0),
    errors: own.reduce((sum, it) => sum + it.errors, 0),
    histogram: own.reduce<number[]>(
      (sum, it) => sum.map((count, bucket) => count + (it.histogram[bucket] ?? 0)),
      emptyHistogram(),
    ),
  }
}

/**
 * What shadow reads found. `unexplained` had settled before it was counted, and the source said the same before and after; records that
 * were written all the while are `churned`, and count neither for nor against. `noise`: the source compared with itself.
 */
export async function shadowsOf(
  { target, plan }: Pick<Scope, 'target' | 'plan'>,
  fromMillis: number,
): Promise<{
  readonly compared: number
  readonly unexplained: number
  readonly missingInTarget: number
  readonly churned: number
  readonly noise: { readonly changed: number; readonly compared: number }
  readonly failed: number
}> {
  const counters = await readCounters(target, plan.name, { fromMillis })
  const of = (...names: readonly CounterName[]) => names.reduce((sum, it) => sum + (counters.get(it) ?? 0), 0)
  const unexplained = of('shadow.mismatch', 'shadow.missing_in_source', 'shadow.missing_in_target')
  return {
    compared: of('shadow.match') + unexplained,
    unexplained,
    missingInTarget: of('shadow.missing_in_target'),
    churned: of('shadow.churn'),
    noise: { changed: of('noise.changed'), compared: of('noise.same', 'noise.changed') },
    failed: of('shadow.error', 'shadow.timeout'),
  }
}
