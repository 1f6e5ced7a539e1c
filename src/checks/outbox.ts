import { setTimeout as sleep } from 'node:timers/promises'
import { object } from '../plan/schema-parts.ts'
import { databaseTime, waitingSince } from '../state/outbox.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, pending } from './finding.ts'
import { span } from './span.ts'

/** Instances carry over what waits within seconds: for so long it is waited for what was there when the check was asked. */
const WAIT_MILLIS = 5_000
const LOOK_MILLIS = 100
/** What waits longer does not go by itself. */
const STUCK_MILLIS = 60_000

/**
 * An application that never rests always has a write on its way, so an empty outbox is not what it takes: everything that was written until
 * the moment of asking has to arrive (`status`, which only looks, does not wait for it). Whatever is written after it is no risk to the change of route. Into C nobody reads the source any
 * more; on the way back, and into D, the outbox is carried over under the lock of the route, or after it.
 */
export const outbox: Check<Record<string, never>> = {
  name: 'outbox',
  code: 'KV322',
  always: ['C', 'D'],
  summary: 'Every write up to the moment of asking has reached the source.',
  options: object({}, { title: 'nothing' }),
  run: async ({ target, plan, signal, isHurried }) => {
    const until = await target.transaction((tx) => databaseTime(tx))
    const look = () => target.transaction((tx) => waitingSince(tx, plan.name, until), { readOnly: true })
    const stop = performance.now() + (isHurried ? 0 : WAIT_MILLIS)
    let seen = await look()
    while (seen.older > 0 && seen.oldestMillis < STUCK_MILLIS && performance.now() < stop) {
      await sleep(LOOK_MILLIS, undefined, { signal })
      seen = await look()
    }
    const { entries, older, oldestMillis } = seen
    const data = { plan: plan.name, ...seen }
    const expected = outbox.summary
    if (older === 0) {
      const younger =
        entries === 0
          ? ''
          : ` ${counted(entries, 'write', 'writes')} since then ${entries === 1 ? 'is' : 'are'} under way.`
      return pass(outbox, {
        measured:
          entries === 0 ? 'Nothing is waiting.' : `Everything written until then has arrived.${younger}`,
        expected,
        data,
      })
    }
    const measured = `${counted(older, 'change is', 'changes are')} waiting, the oldest for ${span(oldestMillis)}.`
    const hint =
      'Instances carry over what waits within seconds. If it stays: is the source in their reach, and is one of them running? kvmig reconcile carries them over from here.'
    return oldestMillis < STUCK_MILLIS
      ? pending(outbox, { measured, expected, data, hint })
      : fail(outbox, { measured, expected, data, hint })
  },
}
