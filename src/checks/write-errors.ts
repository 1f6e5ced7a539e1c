import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { fail, pass, unknown } from './finding.ts'
import { hasLimits, type Limits, limitProperties, share, showLimits, withinLimits } from './limit.ts'
import { callsOf, overMillis, type Period, periodProperties } from './runtime-metrics.ts'

type Options = Period & Limits

const STANDARD: Limits = { below: '1%' }

export const writeErrors: Check<Options> = {
  name: 'write_errors',
  code: 'KV325',
  summary: 'Few writes of the application fail. Default below 1%.',
  options: object(
    { ...periodProperties('24h', 100), ...limitProperties },
    { title: 'a map with below, over, samples' },
  ),
  run: async (scope, options) => {
    const { samples = 100 } = options
    const limits = hasLimits(options) ? options : STANDARD
    const { count, errors } = await callsOf(scope, overMillis(options, '24h'), ['put', 'delete'])
    const facts = {
      measured: `${share(errors, count, 'writes')} failed.`,
      expected: `The share that fails is ${showLimits(limits)}, of at least ${samples}.`,
      data: { count, errors },
    }
    if (count < samples)
      return unknown(writeErrors, { ...facts, hint: 'No data is not a pass: is the application writing?' })
    return withinLimits(limits, errors, count)
      ? pass(writeErrors, facts)
      : fail(writeErrors, {
          ...facts,
          hint: 'The application’s log has the errors; kvmig status shows what waits.',
        })
  },
}
