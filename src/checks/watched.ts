import { parseDuration } from '../plan/duration.ts'
import { duration, object } from '../plan/schema-parts.ts'
import { watchedAgo } from '../state/watching.ts'
import type { Check } from './check.ts'
import { pass, pending } from './finding.ts'
import { span } from './span.ts'

export const watchedCheck: Check<{ readonly within?: string }> = {
  name: 'watched',
  code: 'KV331',
  always: ['C'],
  summary: 'Somebody asks the triggers: they only fire while kvmig watch, or its cron form, is running.',
  options: object(
    { within: { ...duration, description: 'How long ago it may be. Default 10m.' } },
    { title: 'a map with within' },
  ),
  run: async ({ target, plan }, { within = '10m' }) => {
    const expected = `kvmig watch has asked within ${within}.`
    if ((plan.triggers.get('C') ?? []).length === 0)
      return pass(watchedCheck, { measured: 'The plan has no triggers of phase C.', expected })
    const ago = await watchedAgo(target, plan.name)
    const hint = 'Start kvmig watch, or run kvmig watch --once every few minutes.'
    if (ago === undefined)
      return pending(watchedCheck, {
        measured: 'Nobody has asked the triggers of this plan yet.',
        expected,
        hint,
      })
    const facts = {
      measured: `The triggers were asked ${span(ago)} ago.`,
      expected,
      data: { agoMillis: ago },
    }
    return ago > (parseDuration(within) ?? 0)
      ? pending(watchedCheck, { ...facts, hint })
      : pass(watchedCheck, facts)
  },
}
