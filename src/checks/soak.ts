import { parseDuration } from '../plan/duration.ts'
import { duration } from '../plan/schema-parts.ts'
import { readSoak } from '../state/flips.ts'
import type { Check } from './check.ts'
import { pass, pending } from './finding.ts'
import { span } from './span.ts'

/** `soak: 14d`, or `soak: { for: 14d }`. */
interface Options {
  readonly value?: string
  readonly for?: string
}

export const soak: Check<Options> = {
  name: 'soak',
  code: 'KV320',
  summary: 'The plan has been in its phase for long enough, by the clock of the database.',
  options: {
    type: ['string', 'object'],
    format: 'duration',
    title: 'a duration, such as 14d',
    properties: { for: duration },
    required: ['for'],
    additionalProperties: false,
  },
  run: async ({ target, plan }, options) => {
    const wanted = options.value ?? options.for ?? '0s'
    const wantedMillis = parseDuration(wanted) ?? 0
    const soaked = await readSoak(target, plan.name)
    const expected = `It has been there for ${wanted}.`
    if (!soaked)
      return pending(soak, {
        measured: `Plan ${plan.name} has not begun to soak: dual-write is not complete.`,
        expected,
        hint: 'kvmig apply --phase=B ends with the catch-up; then the clock runs.',
      })
    const facts = {
      measured: `Plan ${plan.name} has been in phase ${soaked.phase} for ${span(soaked.millis)}.`,
      expected,
      data: { ...soaked, wantedMillis, leftMillis: Math.max(0, wantedMillis - soaked.millis) },
    }
    if (soaked.millis >= wantedMillis) return pass(soak, facts)
    return pending(soak, { ...facts, hint: `Come back in ${span(wantedMillis - soaked.millis)}.` })
  },
}
