import { parseDuration } from '../plan/duration.ts'
import { duration, object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, pending } from './finding.ts'
import { span } from './span.ts'

interface Options {
  readonly within?: string
}

/** What the ledger remembers of the last comparison of a plan, in the step `PLAN/B/reconcile`. */
export interface Reconciled {
  readonly compared: number
  readonly repaired: number
  /** Differences that were left. */
  readonly left: number
}

export const reconciled: Check<Options> = {
  name: 'reconciled',
  code: 'KV323',
  always: ['C', 'D'],
  summary: 'A full comparison of both stores, both ways, was made lately and left no difference.',
  options: object(
    { within: { ...duration, description: 'How old it may be. Default 24h.' } },
    { title: 'a map with within' },
  ),
  run: async ({ target, ledger, plan }, { within = '24h' }) => {
    const step = (await ledger.steps()).get(`${plan.name}/B/reconcile`)
    const expected = `Both stores agree, by a comparison of the last ${within}.`
    const hint = 'kvmig reconcile compares everything and repairs what differs.'
    const found = step?.outcome as Reconciled | undefined
    if (!step || !found || step.state !== 'done')
      return pending(reconciled, {
        measured: 'They were not compared since dual-write began.',
        expected,
        hint,
      })
    const [row] = await target.transaction((tx) =>
      tx.query('SELECT (extract(epoch FROM clock_timestamp() - $1::timestamptz) * 1000)::bigint AS age', [
        step.at,
      ]),
    )
    const ageMillis = Number(row!.age)
    const facts = {
      measured: `${counted(found.compared, 'row was', 'rows were')} compared ${span(ageMillis)} ago; ${counted(found.left, 'difference was', 'differences were')} left.`,
      expected,
      data: { ...found, ageMillis },
    }
    if (found.left > 0)
      return fail(reconciled, { ...facts, hint: `${hint} kvmig diff --out FILE lists them.` })
    return ageMillis > (parseDuration(within) ?? 0)
      ? pending(reconciled, { ...facts, hint })
      : pass(reconciled, facts)
  },
}
