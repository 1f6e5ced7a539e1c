import { createHash } from 'node:crypto'
import { ask } from '../checks/ask.ts'
import type { Check, Finding } from '../checks/check.ts'
import { sustained, type Verdict } from '../checks/sustained.ts'
import type { Phase, Plan, TriggerRequest } from '../plan/plan.ts'
import { observe, tell, watched } from '../state/watching.ts'
import { scopeFor } from './gates.ts'
import type { Session } from './session.ts'
import { Surveys } from './surveys.ts'

/** A trigger that was asked, and what it said. */
export interface Asked {
  readonly plan: string
  readonly phase: Phase
  readonly trigger: TriggerRequest
  readonly finding: Finding
  readonly verdict: Verdict
  /** Nobody was told of this yet. */
  readonly isNews: boolean
}

/** What was seen is kept for so long at least. */
const KEPT_MILLIS = 3_600_000
const GAP_MILLIS = 120_000

/**
 * Asks the triggers of a plan in its phase, once. What they see is kept in the ledger, so that a run from cron knows what the ones before
 * have seen. Decides; acts on nothing.
 */
export async function askTriggers(
  session: Session,
  plan: Plan,
  phase: Phase,
  { checks, signal }: { readonly checks: ReadonlyMap<string, Check>; readonly signal: AbortSignal },
): Promise<readonly Asked[]> {
  const { target } = session
  const asked: Asked[] = []
  for (const trigger of plan.triggers.get(phase) ?? []) {
    const check = checks.get(trigger.check)
    if (!check) continue
    const surveys = new Surveys(session, [plan], { compare: true, signal })
    const finding = await ask(check, scopeFor(session, plan, { surveys, signal }), trigger.options)
    const { forMillis, missing = 'hold' } = trigger
    const name = nameOf(phase, trigger)
    const { seen, now } = await observe(target, plan.name, name, {
      status: finding.status === 'pass' || finding.status === 'fail' ? finding.status : 'missing',
      measured: finding.measured,
      sinceMillis: Math.max(KEPT_MILLIS, 3 * forMillis),
    })
    const gapMillis = Math.max(GAP_MILLIS, forMillis / 2)
    const verdict = sustained(seen, { forMillis, missing, gapMillis }, now)
    // That something begins to fail is nobody's news: it may pass.
    const isNews =
      verdict.state !== 'failing' &&
      (await tell(target, plan.name, name, verdict.state)) &&
      !(verdict.state === 'quiet' && seen.every((it) => it.status !== 'fail'))
    asked.push({ plan: plan.name, phase, trigger, finding, verdict, isNews })
  }
  await watched(target, plan.name)
  return asked
}

/** A trigger that was edited is another one. */
const nameOf = (phase: Phase, { check, options, do: action, forMillis, missing }: TriggerRequest): string =>
  `${phase} ${check} ${createHash('sha256')
    .update(JSON.stringify([options, action, forMillis, missing ?? null]))
    .digest('hex')
    .slice(0, 12)}`
