import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { hasLimits, type Limits, limitProperties, share, showLimits, withinLimits } from './limit.ts'
import { overMillis, type Period, periodProperties, shadowsOf } from './runtime-metrics.ts'

interface Options extends Period, Limits {
  /** So many differences may be there. Default 0. */
  readonly unexplained?: number
}

export const divergence: Check<Options> = {
  name: 'divergence',
  code: 'KV324',
  summary: 'Shadow reads find the same on both sides.',
  options: object(
    {
      unexplained: {
        type: 'integer',
        minimum: 0,
        title: 'a whole number',
        description: 'How many differences there may be. Default 0, unless above or below says more.',
      },
      ...periodProperties('24h', 1000),
      ...limitProperties,
    },
    { title: 'a map with unexplained, over, samples, above' },
  ),
  run: async (scope, options) => {
    const { samples = 1000, unexplained: allowed } = options
    const seen = await shadowsOf(scope, overMillis(options, '24h'))
    const facts = {
      measured: `${share(seen.unexplained, seen.compared, 'shadow reads')} differ.${noiseOf(seen)}`,
      expected: hasLimits(options)
        ? `The share that differs is ${showLimits(options)}.`
        : `${allowed ?? 0} differ, of at least ${samples}.`,
      data: seen,
    }
    const isRight = hasLimits(options)
      ? withinLimits(options, seen.unexplained, seen.compared)
      : seen.unexplained <= (allowed ?? 0)
    // One difference is one too many, however few reads there were.
    if (!isRight && (seen.compared >= samples || !hasLimits(options)))
      return fail(divergence, {
        ...facts,
        hint: 'kvmig reconcile repairs what differs; kvmig diff --out FILE lists it.',
      })
    if (seen.compared < samples)
      return unknown(divergence, { ...facts, hint: 'Do instances shadow-read, and a large enough share?' })
    return pass(divergence, facts)
  },
}

/** How much differs without any fault, since records are being written: it is not part of what differs. */
function noiseOf({ noise, churned }: Awaited<ReturnType<typeof shadowsOf>>): string {
  if (noise.compared === 0) return ''
  const floor = ` Noise floor: the source differs from itself, read twice, in ${share(noise.changed, noise.compared, 'reads')}.`
  return churned === 0
    ? floor
    : `${floor} ${counted(churned, 'record')} never came to rest, and ${churned === 1 ? 'counts' : 'count'} as neither.`
}
