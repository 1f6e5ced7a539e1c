import { ask } from '../checks/ask.ts'
import type { Check, Finding } from '../checks/check.ts'
import type { Plan } from '../plan/plan.ts'
import type { LaterStatus } from '../report/report.ts'
import { counted } from '../report/wording.ts'
import { archivesOf, isLetGo } from '../runner/archive.ts'
import { scopeFor } from '../runner/gates.ts'
import { pauseSentence } from '../runner/paused.ts'
import { lookAtFleet } from '../runner/phases/fleet.ts'
import { idleOf } from '../runner/phases/retire.ts'
import type { Session } from '../runner/session.ts'
import { Surveys } from '../runner/surveys.ts'
import { readSoak } from '../state/flips.ts'
import type { Route } from '../state/ledger.ts'
import { outboxDepth } from '../state/outbox.ts'
import { pauses } from '../state/watching.ts'

/** What the ledger alone can answer: no store is read for them. */
const FROM_LEDGER: ReadonlySet<string> = new Set([
  'soak',
  'fleet',
  'outbox',
  'reconciled',
  'divergence',
  'write_errors',
  'error_rate',
  'latency',
  'data_loss',
  'reports',
  'rollback_drill',
  'watched',
  'one_way',
  'idle',
])

/** Where a plan that has left phase A stands, by what the ledger knows; asks the checks of the next gate that need no store. */
export async function laterStatus(session: Session, plan: Plan, route: Route): Promise<LaterStatus> {
  const { target, signal } = session
  const { CHECKS } = await import('../catalog.ts')
  const { instances, laggards } = await lookAtFleet(target, plan.name, {
    epoch: route.epoch,
    expect: undefined,
  })
  const depths = await target.transaction((tx) => outboxDepth(tx), { readOnly: true })
  const paused = (await pauses(target)).get(plan.name)
  const soak = await readSoak(target, plan.name)
  const archive = (await archivesOf(session, plan.name)).findLast((it) => it.state === 'verified')
  const to: 'B' | 'C' | 'D' = route.rollout ? 'B' : route.phase === 'B' ? 'C' : 'D'
  const surveys = new Surveys(session, [plan], { compare: true, signal })
  const findings: Finding[] = []
  if (!route.rollout && route.phase !== 'D' && to !== 'B') {
    const requests = plan.gates.get(to) ?? []
    for (const check of asked(
      CHECKS,
      to,
      requests.map((it) => it.check),
    )) {
      const options = requests.find((it) => it.check === check.name)?.options ?? {}
      findings.push(await ask(check, scopeFor(session, plan, { surveys, signal, isHurried: true }), options))
    }
  }
  const shut = findings.filter((it) => it.status !== 'pass')
  const isGone = archive !== undefined && isLetGo(archive)
  const reasons = [
    ...(route.rollout ? ['Dual-write is not complete: kvmig apply --phase=B goes on.'] : []),
    ...(paused ? [pauseSentence(plan.name, paused)] : []),
    ...shut.map((it) => `${it.check}: ${it.measured}${it.hint ? ` ${it.hint}` : ''}`),
    ...(route.phase === 'D' && !isGone
      ? [
          archive?.letGo
            ? `${counted(archive.letGo.changed, 'archived key holds', 'archived keys hold')} something else by now: kvmig apply --phase=D names them.`
            : archive
              ? `The archived keys stay in the source until ${archive.keepUntil}.`
              : 'The source was not archived yet: kvmig apply --phase=D.',
        ]
      : []),
    ...(route.phase === 'D' && isGone ? ['The source is retired: there is nothing left to do.'] : []),
  ]
  const left = findings.find((it) => it.check === 'soak')?.data?.leftMillis
  const nextAt =
    route.phase === 'D' && archive && !isGone
      ? await letGoAt(session, plan, archive.keepUntil)
      : typeof left === 'number' && left > 0
        ? await after(session, left)
        : undefined
  return {
    to,
    reasons,
    instances: instances.length,
    laggards: laggards.map((it) => it.id),
    outbox: depths.find((it) => it.plan === plan.name)?.entries ?? 0,
    ...(soak ? { soakMillis: soak.millis } : {}),
    ...(paused ? { paused: paused.because } : {}),
    ...(nextAt === undefined ? {} : { nextAt }),
  }
}

const asked = (
  checks: ReadonlyMap<string, Check>,
  to: 'C' | 'D',
  listed: readonly string[],
): readonly Check[] =>
  [...checks.values()].filter(
    (it) => FROM_LEDGER.has(it.name) && (it.always?.includes(to) || listed.includes(it.name)),
  )

/** When the archive's time is over and the source has been idle for long enough, whichever is later. */
async function letGoAt(session: Session, plan: Plan, keepUntil: string): Promise<string> {
  const { millis, wantedMillis } = await idleOf(session, plan)
  const rested = await after(session, Math.max(0, wantedMillis - millis))
  return Date.parse(rested) > Date.parse(keepUntil) ? rested : keepUntil
}

async function after({ target }: Session, millis: number): Promise<string> {
  const [row] = await target.transaction((tx) =>
    tx.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now'),
  )
  return new Date(Number(row!.now) + millis).toISOString()
}
