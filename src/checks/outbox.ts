import { object } from '../plan/schema-parts.ts'
import { outboxDepth } from '../state/outbox.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, pending } from './finding.ts'
import { span } from './span.ts'

/** Instances carry over what waits within seconds; what waits longer does not go by itself. */
const STUCK_MILLIS = 60_000

export const outbox: Check<Record<string, never>> = {
  name: 'outbox',
  code: 'KV322',
  always: ['C', 'D'],
  summary: 'No write is waiting to reach the source.',
  options: object({}, { title: 'nothing' }),
  run: async ({ target, plan }) => {
    const depths = await target.transaction((tx) => outboxDepth(tx), { readOnly: true })
    const own = depths.find((it) => it.plan === plan.name)
    if (!own) return pass(outbox, { measured: 'Nothing is waiting.', expected: outbox.summary })
    const facts = {
      measured: `${counted(own.entries, 'change is', 'changes are')} waiting, the oldest for ${span(own.oldestMillis)}.`,
      expected: outbox.summary,
      data: { ...own },
    }
    if (own.oldestMillis < STUCK_MILLIS)
      return pending(outbox, { ...facts, hint: 'Writes are under way: ask again in a moment.' })
    return fail(outbox, {
      ...facts,
      hint: 'Is the source in reach of the application? kvmig reconcile carries them over from here.',
    })
  },
}
