import type { Finding } from '../../checks/check.ts'
import type { Plan } from '../../plan/plan.ts'
import { counted } from '../../report/wording.ts'
import type { CaughtUp } from '../../runner/converge/catch-up.ts'
import { enterB } from '../../runner/phases/enter-b.ts'
import { enterC } from '../../runner/phases/enter-c.ts'
import { expectedOf, type Rollout } from '../../runner/phases/expected.ts'
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

/** Brings plans into phase B or C, from wherever an earlier run left them. */
export async function arrive(later: Later, all: readonly Arriving[]): Promise<void> {
  const { context, acts } = later
  const steps = await context.ledger.steps()
  const coming: Arriving[] = []
  for (const it of all) {
    const { plan, route, phase } = it
    if (!isThere(it) || steps.get(`${plan.name}/${phase}/entered`)?.state !== 'done') coming.push(it)
    else
      acts.push({
        plan: plan.name,
        status: 'kept',
        verb: 'route',
        detail: `phase ${phase} since ${route.since}`,
      })
  }
  // In B they go together; in C one after the other: each is a cutover of its own.
  if (coming[0]?.phase === 'B') {
    // Throws, before anything was done, where nobody said how many instances there are.
    const rollouts = coming.map(({ plan }) => expectedOf(plan, expectations(later)))
    for (const it of coming) await leave(later, it)
    const complete = await arriveB(
      later,
      coming.map((it, index) => ({ ...it, rollout: rollouts[index]! })),
    )
    for (const it of coming) if (complete.has(it.plan.name)) await settle(later, it)
    return
  }
  for (const it of coming) {
    await leave(later, it)
    if (await arriveC(later, it)) await settle(later, it)
  }
}

const expectations = ({ options: { expect, credentialRotated } }: Later) => ({
  expect,
  rotated: credentialRotated,
})

const isThere = ({ route, phase }: Arriving): boolean => route.phase === phase && !route.rollout

const entry = ({ plan, phase }: Arriving) =>
  ({ plan: plan.name, phase, kind: 'entered', outcome: {} }) as const

async function leave(later: Later, it: Arriving): Promise<void> {
  if (it.route.phase === it.phase) return
  await hooks(later, it.plan, 'before', it.phase)
  await note(later.context, { ...entry(it), state: 'running' })
}

async function settle(later: Later, it: Arriving): Promise<void> {
  await hooks(later, it.plan, 'after', it.phase)
  await note(later.context, { ...entry(it), state: 'done' })
}

/** Gives the names of those that are there. Where one plan alone is asked for and the fuse stops it, that is thrown. */
async function arriveB(
  later: Later,
  all: readonly (Arriving & { readonly rollout: Rollout })[],
): Promise<ReadonlySet<string>> {
  const { session, context, options, io, acts } = later
  const coming = all.filter((it) => !isThere(it))
  const there = new Set(all.filter(isThere).map((it) => it.plan.name))
  const counter = createCounter({ io, quiet: options.quiet, words: 'Comparing' })
  const entered = await enterB(session, context, {
    plans: coming.map(({ plan, route, rollout, evidence }) => ({
      plan,
      route,
      rollout,
      patience: patienceOf(later, plan),
      evidence: evidenceOf(later, plan, 'B', evidence),
    })),
    confirmDeletes: options.confirmDeletes,
    progress: counter.tell,
  }).finally(counter.finish)
  for (const { plan, route } of coming) {
    const it = entered.get(plan.name)!
    if (it.state === 'stopped' && all.length === 1) throw it.error
    acts.push({
      plan: plan.name,
      status: route.phase === 'B' ? 'kept' : 'done',
      verb: 'route',
      detail: `phase B, epoch ${it.route.epoch}: the source answers, both are written`,
    })
    acts.push({
      plan: plan.name,
      status: it.state === 'waiting' ? 'waiting' : 'done',
      verb: 'fleet',
      detail: showFleet(it.fleet, it.state === 'done' ? it.route.epoch - 1 : it.route.epoch),
    })
    if (it.state === 'waiting') continue
    if (it.state === 'done') there.add(plan.name)
    acts.push({
      plan: plan.name,
      status: it.state === 'done' ? 'done' : 'failed',
      verb: 'catch-up',
      detail:
        it.state === 'stopped'
          ? `${it.error.code}: ${it.error.message}${it.error.hint ? ` ${it.error.hint}` : ''}`
          : `${showCaughtUp(it.caughtUp)}${it.state === 'done' ? '' : '; they still differ: does somebody write to the source without kvmig/runtime?'}`,
    })
  }
  return there
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

function showCaughtUp({ passes, compared, written, deleted, rejected, waiting, unplaced }: CaughtUp): string {
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
