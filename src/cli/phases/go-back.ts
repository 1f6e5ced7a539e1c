import { KvmigError } from '../../errors.ts'
import type { Phase, Plan } from '../../plan/plan.ts'
import type { Act } from '../../report/report.ts'
import { counted } from '../../report/wording.ts'
import { goBack } from '../../runner/phases/back.ts'
import { isConfirmed, showFleet, waitForFleet } from '../../runner/phases/fleet.ts'
import type { Session } from '../../runner/session.ts'
import { lastWhy } from '../../state/flips.ts'
import type { Route } from '../../state/ledger.ts'
import type { RollbackOptions } from '../commands/rollback.ts'
import type { Io } from '../io.ts'
import { type PhaseWork, phaseRun } from '../phase-run.ts'

/** Instances look every second; whoever does not is fenced anyway. */
const WAIT_MILLIS = 5_000

/** Takes plans back from C to B or from B to A: routes only, nothing is dropped. */
export async function goBackPhases(
  session: Session,
  plans: readonly { readonly plan: Plan; readonly route: Route }[],
  options: RollbackOptions,
  io: Io,
): Promise<PhaseWork> {
  const to = options.to
  const command = to === undefined ? 'rollback' : `rollback --to=${to}`
  return phaseRun({ session, options, command, plans: plans.map((it) => it.plan) }, io, async (context) => {
    const acts: Act[] = []
    // Who refers to others goes back first.
    for (const { plan, route } of [...plans].reverse()) {
      let at = route
      const target: Phase = to ?? BEFORE[at.phase]
      if (at.phase === 'D' && to !== 'C') throw retired(plan.name)
      // Whoever is called at night says it twice.
      if (to === undefined && at.phase === 'B' && (await lastWhy(session.target, plan.name)) === 'rollback') {
        const detail = `phase B since ${at.since}, where a rollback brought it; --to=A goes further`
        acts.push({ plan: plan.name, status: 'kept', verb: 'route', detail })
        continue
      }
      if (to === undefined && at.phase === 'A' && (await lastWhy(session.target, plan.name)) === 'rollback') {
        const detail = `phase A since ${at.since}, where a rollback brought it; its tables stay, --drop takes phase A back as well`
        acts.push({ plan: plan.name, status: 'kept', verb: 'route', detail })
        continue
      }
      if (at.phase <= target) {
        acts.push({
          plan: plan.name,
          status: 'kept',
          verb: 'route',
          detail: `phase ${at.phase} since ${at.since}`,
        })
        continue
      }
      while (at.phase > target) {
        const next = BEFORE[at.phase]
        const {
          route: now,
          drained,
          atRisk,
          millis,
        } = await goBack(session, context, {
          plan,
          route: at,
          to: next,
          atRisk: options.acceptRisk,
          why: 'rollback',
        })
        const carried = drained > 0 ? `, ${counted(drained, 'change')} carried to the source` : ''
        const risk = atRisk > 0 ? `, ${counted(atRisk, 'change is', 'changes are')} not in the source` : ''
        acts.push({
          plan: plan.name,
          status: 'done',
          verb: 'route',
          detail: `phase ${next}, epoch ${now.epoch}, in ${(millis / 1000).toFixed(1)} s${carried}${risk}`,
        })
        at = now
      }
      const fleet = await waitForFleet(session.target, plan.name, {
        epoch: at.epoch,
        expect: undefined,
        waitMillis: WAIT_MILLIS,
        signal: context.signal,
      })
      acts.push({
        plan: plan.name,
        status: 'done',
        verb: 'fleet',
        detail: `${showFleet(fleet, at.epoch)}${isConfirmed(fleet) ? '' : '; until they do, their writes are refused'}`,
      })
    }
    return { outcome: 'done', acts, next: 'Forward again needs no new copy: kvmig apply --phase=B, or C.' }
  })
}

const BEFORE: { readonly [P in Phase]: Phase } = { A: 'A', B: 'A', C: 'B', D: 'C' }

const retired = (plan: string): KvmigError =>
  new KvmigError(
    'RETIRED',
    `Plan ${plan} is in phase D: its source is not written any more, so there is no way back in seconds.`,
    {
      hint: `kvmig rollback --to=C ${plan} writes both stores again, kvmig reconcile ${plan} then rebuilds the source from Postgres; docs/phases.md says more.`,
    },
  )
