import { parseDuration } from '../plan/duration.ts'
import { duration, object, text } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { fail, pass, pending } from './finding.ts'
import { span } from './span.ts'

interface Options {
  readonly within?: string
  /** The plan that rehearses it for all. Default: this one. */
  readonly plan?: string
}

/** What the ledger remembers of a rehearsal, in the step `PLAN/B/drill`. */
export interface Drilled {
  /** From the decision to go back until the old route was in force on both sides. */
  readonly backMillis: number
  /** Differences between the stores after it. */
  readonly left: number
}

export const rollbackDrill: Check<Options> = {
  name: 'rollback_drill',
  code: 'KV330',
  summary: 'The way back was rehearsed lately, and both stores agreed after it.',
  options: object(
    {
      within: { ...duration, description: 'How long ago it may be. Default 24h.' },
      plan: {
        ...text('the name of a plan'),
        description: 'A canary that rehearses it for all. Default: this plan.',
      },
    },
    { title: 'a map with within, plan' },
  ),
  run: async ({ ledger, target, plan }, { within = '24h', plan: canary = plan.name }) => {
    const step = (await ledger.steps()).get(`${canary}/B/drill`)
    const found = step?.outcome as Drilled | undefined
    const expected = `A rehearsal of the last ${within} after which both stores agreed.`
    const hint = `kvmig drill ${canary} rehearses it: there and back, with a comparison.`
    if (!step || !found || step.state !== 'done')
      return pending(rollbackDrill, { measured: `Plan ${canary} has not rehearsed it.`, expected, hint })
    const [row] = await target.transaction((tx) =>
      tx.query('SELECT (extract(epoch FROM clock_timestamp() - $1::timestamptz) * 1000)::bigint AS age', [
        step.at,
      ]),
    )
    const ageMillis = Number(row!.age)
    const facts = {
      measured: `Plan ${canary} rehearsed it ${span(ageMillis)} ago: back in ${(found.backMillis / 1000).toFixed(1)} s, ${found.left} differences.`,
      expected,
      data: { ...found, ageMillis },
    }
    if (found.left > 0) return fail(rollbackDrill, { ...facts, hint })
    return ageMillis > (parseDuration(within) ?? 0)
      ? pending(rollbackDrill, { ...facts, hint })
      : pass(rollbackDrill, facts)
  },
}
