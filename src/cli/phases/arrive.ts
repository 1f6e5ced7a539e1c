import type { Finding } from '../../checks/check.ts'
import type { Plan } from '../../plan/plan.ts'
import { counted } from '../../report/wording.ts'
import type { CaughtUp } from '../../runner/converge/catch-up.ts'
import { enterB } from '../../runner/phases/enter-b.ts'
import { enterC } from '../../runner/phases/enter-c.ts'
import { expectedOf } from '../../runner/phases/expected.ts'
import { isConfirmed, showFleet } from '../../runner/phases/fleet.ts'
import { note } from '../../runner/phases/note.ts'
import type { Route } from '../../state/ledger.ts'
import { createCounter } from '../counter.ts'
import { evidenceOf, hooks, type Later, patienceOf } from './later.ts'

export interface Arriving {
  readonly plan: Plan
  readonly route: Route
  readonly phase: 'B' | 'C'
  readonly evidence: readonly Finding[] | undefined
}

/** Brings one plan into phase B or C, from wherever an earlier run left it. */
export async function arrive(later: Later, arriving: Arriving): Promise<void> {
  const { plan, route, phase } = arriving
  const { context, acts } = later
  const isThere = route.phase === phase && !route.rollout
  const entered = (await context.ledger.steps()).get(`${plan.name}/${phase}/entered`)
  if (isThere && entered?.state === 'done') {
    acts.push({
      plan: plan.name,
      status: 'kept',
      verb: 'route',
      detail: `phase ${phase} since ${route.since}`,
    })
    return
  }
  const step = { plan: plan.name, phase, kind: 'entered', outcome: {} } as const
  if (route.phase !== phase) {
    await hooks(later, plan, 'before', phase)
    await note(context, { ...step, state: 'running' })
  }
  const isComplete = phase === 'B' ? await arriveB(later, arriving) : await arriveC(later, arriving)
  if (!isComplete) return
  await hooks(later, plan, 'after', phase)
  await note(context, { ...step, state: 'done' })
}

async function arriveB(later: Later, { plan, route, evidence }: Arriving): Promise<boolean> {
  const { session, context, options, io, acts } = later
  const { name } = plan
  if (route.phase === 'B' && !route.rollout) return true
  const rollout = expectedOf(plan, { expect: options.expect, rotated: options.credentialRotated })
  const counter = createCounter({ io, quiet: options.quiet, words: 'Comparing' })
  const entered = await enterB(session, context, {
    plan,
    route,
    rollout,
    patience: patienceOf(later, plan),
    confirmDeletes: options.confirmDeletes,
    evidence: evidenceOf(later, plan, 'B', evidence),
    progress: counter.tell,
  }).finally(counter.finish)
  const { fleet, route: now } = entered
  acts.push({
    plan: name,
    status: route.phase === 'B' ? 'kept' : 'done',
    verb: 'route',
    detail: `phase B, epoch ${now.epoch}: the source answers, both are written`,
  })
  acts.push({
    plan: name,
    status: entered.state === 'waiting' ? 'waiting' : 'done',
    verb: 'fleet',
    detail: showFleet(fleet, entered.state === 'done' ? now.epoch - 1 : now.epoch),
  })
  if (entered.state === 'waiting') return false
  acts.push({
    plan: name,
    status: entered.state === 'done' ? 'done' : 'failed',
    verb: 'catch-up',
    detail: `${showCaughtUp(entered.caughtUp)}${entered.state === 'done' ? '' : '; they still differ: does somebody write to the source without kvmig/runtime?'}`,
  })
  return entered.state === 'done'
}

async function arriveC(later: Later, { plan, route, evidence }: Arriving): Promise<boolean> {
  const { session, context, acts, graph, executors } = later
  // What the application wrote during B has moved on: numbers behind sequences too.
  const setSequences = async () => {
    for (const { data } of graph.vertices)
      if (data.plan === plan.name && data.kind === 'sequence') await executors.sequence.run(data, context)
  }
  await setSequences()
  const { route: now, fleet } = await enterC(session, context, {
    plan,
    route,
    patience: patienceOf(later, plan),
    evidence: evidenceOf(later, plan, 'C', evidence),
  })
  const isComplete = isConfirmed(fleet)
  // Until the last instance has confirmed, counters of the store went on counting.
  if (isComplete && plan.sequences) await setSequences()
  acts.push({
    plan: plan.name,
    status: route.phase === 'C' ? 'kept' : 'done',
    verb: 'route',
    detail: `phase C, epoch ${now.epoch}: Postgres answers, both are written`,
  })
  acts.push({
    plan: plan.name,
    status: isComplete ? 'done' : 'waiting',
    verb: 'fleet',
    detail: showFleet(fleet, now.epoch),
  })
  return isComplete
}

export function showCaughtUp({
  passes,
  compared,
  written,
  deleted,
  rejected,
  waiting,
  unplaced,
}: CaughtUp): string {
  const parts = [
    `${counted(compared, 'row')} compared`,
    written > 0 && `${counted(written, 'row')} written`,
    deleted > 0 && `${counted(deleted, 'row')} deleted`,
    rejected > 0 && `${counted(rejected, 'record')} in quarantine`,
    waiting > 0 && `${counted(waiting, 'record is', 'records are')} on their way`,
    unplaced > 0 && `${counted(unplaced, 'row is', 'rows are')} nobody’s`,
    `${counted(passes, 'pass', 'passes')}`,
  ]
  return parts.filter(Boolean).join(', ')
}
