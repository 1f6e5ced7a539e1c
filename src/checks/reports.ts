import { parseDuration } from '../plan/duration.ts'
import { duration, object, text } from '../plan/schema-parts.ts'
import { countBugs } from '../state/watching.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass } from './finding.ts'
import { hasLimits, isWithin, type Limits, limitProperties, showLimits } from './limit.ts'

interface Options extends Limits {
  readonly over?: string
  readonly severity?: string
}

const STANDARD: Limits = { above: 0 }

export const reports: Check<Options> = {
  name: 'reports',
  code: 'KV329',
  summary: 'People have reported few bugs: kvmig report-bug. Default none.',
  options: object(
    {
      over: { ...duration, description: 'The period. Default 24h.' },
      severity: { ...text('a severity'), description: 'Only these. Default: all.' },
      ...limitProperties,
    },
    { title: 'a map with above, over, severity' },
  ),
  run: async ({ target, plan }, options) => {
    const { over = '24h', severity } = options
    const limits = hasLimits(options) ? options : STANDARD
    const bugs = await countBugs(target, plan.name, parseDuration(over) ?? 0)
    const count = [...bugs].reduce(
      (sum, [name, it]) => sum + (severity === undefined || name === severity ? it : 0),
      0,
    )
    const facts = {
      measured: `${counted(count, severity === undefined ? 'bug' : `${severity} bug`)} reported in the last ${over}.`,
      expected: `Their number is ${showLimits(limits)}.`,
      data: { count, bySeverity: Object.fromEntries(bugs) },
    }
    return isWithin(limits, count)
      ? pass(reports, facts)
      : fail(reports, { ...facts, hint: 'kvmig rollback goes back within seconds.' })
  },
}
