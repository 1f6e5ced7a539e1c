import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { fail, pass, unknown } from './finding.ts'
import { hasLimits, type Limits, limitProperties, share, showLimits, withinLimits } from './limit.ts'
import { callsOf, overMillis, type Period, periodProperties } from './runtime-metrics.ts'

type Options = Period & Limits

const STANDARD: Limits = { above: '5%' }

export const errorRate: Check<Options> = {
  name: 'error_rate',
  code: 'KV326',
  summary: 'Few calls of the application fail, reads and writes together. Default not above 5%.',
  options: object(
    { ...periodProperties('1m', 100), ...limitProperties },
    { title: 'a map with above, over, samples' },
  ),
  run: async (scope, options) => {
    const { samples = 100 } = options
    const limits = hasLimits(options) ? options : STANDARD
    const { count, errors } = await callsOf(scope, overMillis(options, '1m'))
    const facts = {
      measured: `${share(errors, count, 'calls')} failed.`,
      expected: `The share that fails is ${showLimits(limits)}, of at least ${samples}.`,
      data: { count, errors },
    }
    if (count < samples) return unknown(errorRate, { ...facts, hint: 'Too few calls to judge by.' })
    return withinLimits(limits, errors, count)
      ? pass(errorRate, facts)
      : fail(errorRate, { ...facts, hint: 'The application’s log has the errors.' })
  },
}
