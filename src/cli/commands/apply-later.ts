import type { Finding } from '../../checks/check.ts'
import { EXIT, KvmigError } from '../../errors.ts'
import type { Context } from '../../executors/executor.ts'
import { fingerprints } from '../../plan/fingerprint.ts'
import type { Phase, Plan } from '../../plan/plan.ts'
import type { Act, GateResult } from '../../report/report.ts'
import { askGates, laterGates } from '../../runner/gates.ts'
import { obstaclesOf, staysInA } from '../../runner/phases/dual-write.ts'
import { waitForFleet } from '../../runner/phases/fleet.ts'
import { ServerUses } from '../../runner/phases/server-use.ts'
import type { Route } from '../../state/ledger.ts'
import { pauses } from '../../state/watching.ts'
import { compileProject } from '../compile.ts'
import type { Io } from '../io.ts'
import { type PhaseWork, phaseRun } from '../phase-run.ts'
import { arrive } from '../phases/arrive.ts'
import { type Later, patienceOf } from '../phases/later.ts'
import { requireServer } from '../phases/require-server.ts'
import { beginRetire } from '../phases/retire.ts'
import { loadProject } from '../project.ts'
import { gateExit, gateResult } from '../reports/gate-result.ts'
import { withSession } from '../session.ts'
import type { ApplyOptions } from './apply.ts'

export type LaterOptions = ApplyOptions & { readonly phase: 'B' | 'C' | 'D' }

/** Brings plans into phase B, C or D: the gate, then what the phase consists of. */
export async function run(options: LaterOptions, io: Io): Promise<number> {
  const { phase } = options
  const { project } = await loadProject(options, io)
  requireServer(project, options.env, { phase, variables: io.env })
  const { graph, waves } = compileProject(project, options.plans)
  const asked = waves.filter((it) => it.neededBy.length === 0).map((it) => it.plan)
  const known = fingerprints(graph)
  return withSession({ project, options, io }, async (session) => {
    if (!(await session.ledger.installed())) throw outOfOrder(asked[0]!.name, 'A')
    const { EXECUTORS, CHECKS } = await import('../../catalog.ts')
    const command = `apply --phase=${phase}`
    const findings: Finding[] = []
    const work = await phaseRun(
      { session, options, command, phase, plans: asked, fingerprint: (step) => known.get(step.id) ?? '' },
      io,
      async (context): Promise<PhaseWork> => {
        const later: Later = {
          session,
          context,
          options,
          io,
          graph,
          executors: EXECUTORS,
          acts: [],
          gates: [],
        }
        const ready = await standAt(later, asked)
        const uses =
          phase === 'D'
            ? await ServerUses.begin(
                session,
                ready.map((it) => it.plan),
              )
            : undefined
        const moving = ready.filter(({ route }) => route.phase === BEFORE[phase])
        if (phase !== 'B') await awaitFleet(later, moving)
        const opened = await ask(
          later,
          moving.map((it) => it.plan),
          CHECKS,
          findings,
        )
        const going = ready.flatMap(({ plan, route }) =>
          route.phase === BEFORE[phase] && !opened.has(plan.name)
            ? []
            : [{ plan, route, evidence: opened.get(plan.name) }],
        )
        if (phase === 'D') for (const it of going) await beginRetire({ ...later, uses }, it)
        else
          await arrive(
            later,
            going.map((it) => ({ ...it, phase })),
          )
        await uses?.keep(context)
        return outcomeOf(later)
      },
    )
    if (work.outcome === 'closed') return gateExit(findings) || EXIT.gateClosed
    return work.outcome === 'waiting' ? EXIT.notYet : EXIT.done
  })
}

const BEFORE: { readonly [P in Phase]: Phase } = { A: 'A', B: 'A', C: 'B', D: 'C' }
const ORDER: readonly Phase[] = ['A', 'B', 'C', 'D']

/**
 * The plans that can go on, with their routes. Neighbours only: a plan goes from one phase to the next. One that is named and cannot is an
 * error; where none is named, the others go on without it.
 */
async function standAt(
  { session, options, acts }: Later,
  plans: readonly Plan[],
): Promise<readonly { readonly plan: Plan; readonly route: Route }[]> {
  const { phase } = options
  const before = BEFORE[phase]
  const routes = await session.ledger.routes()
  const paused = await pauses(session.target)
  const isTooEarly = (route: Route | undefined): boolean =>
    !route || ORDER.indexOf(route.phase) < ORDER.indexOf(before) || (route.phase === before && route.rollout)
  const early = plans.filter((it) => isTooEarly(routes.get(it.name)))
  if (early.length > 0 && (options.plans.length > 0 || early.length === plans.length))
    throw outOfOrder(early[0]!.name, before)
  return plans.flatMap((plan) => {
    const route = routes.get(plan.name)
    if (!route || isTooEarly(route)) {
      const stays = phase === 'B' ? undefined : staysInA(session, plan)
      acts.push({
        plan: plan.name,
        status: stays === undefined ? 'waiting' : 'kept',
        verb: `phase ${route?.phase ?? 'A'}`,
        detail: stays ?? `has not completed phase ${before}: kvmig apply --phase=${before} ${plan.name}`,
      })
      return []
    }
    if (ORDER.indexOf(route.phase) > ORDER.indexOf(phase)) {
      acts.push({
        plan: plan.name,
        status: 'kept',
        verb: 'route',
        detail: `phase ${route.phase}, which is further`,
      })
      return []
    }
    if (phase === 'B' && route.phase === 'A') {
      const obstacles = obstaclesOf(session, plan)
      if (obstacles.all && options.plans.length > 0) throw cannotDualWrite(plan, obstacles.of)
      for (const detail of obstacles.of)
        acts.push({ plan: plan.name, status: 'kept', verb: obstacles.all ? 'phase A' : 'read only', detail })
      if (obstacles.all) return []
    }
    const pause = paused.get(plan.name)
    if (pause && route.phase === before) {
      acts.push({
        plan: plan.name,
        status: 'waiting',
        verb: 'paused',
        detail: `since ${pause.at}: ${pause.because}. kvmig resume ${plan.name} lets it go on`,
      })
      return []
    }
    return [{ plan, route }]
  })
}

const cannotDualWrite = (plan: Plan, obstacles: readonly string[]): KvmigError =>
  new KvmigError('DUAL_WRITE', `Plan ${plan.name} stays in phase A: ${obstacles.join('; ')}.`, {
    hint: `kvmig apply --phase=A --again ${plan.name} takes over what has changed, and takes out what is gone, as often as you like. Cut over with the application stopped.`,
  })

/**
 * Instances confirm every second, so the change of route that the last command made may be news to some. Waits for them, and for those that
 * gate `fleet` expects, once for all plans: who is missing after that is for the gate to say.
 */
async function awaitFleet(
  later: Later,
  moving: readonly { readonly plan: Plan; readonly route: Route }[],
): Promise<void> {
  const { session, context, options } = later
  const began = performance.now()
  for (const { plan, route } of moving) {
    const asked = plan.gates.get(options.phase)?.find((it) => it.check === 'fleet')?.options
    const { waitMillis, waiting } = patienceOf(later, plan)
    await waitForFleet(session.target, plan.name, {
      epoch: route.epoch,
      expect: asked?.expect as number | undefined,
      waitMillis: waitMillis - (performance.now() - began),
      waiting,
      signal: context.signal,
    })
  }
}

/** Asks the gates of these plans; gives the evidence of those that are open. */
async function ask(
  { session, context, options: { phase }, gates }: Later,
  plans: readonly Plan[],
  checks: Parameters<typeof askGates>[1]['checks'],
  all: Finding[],
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  const steps = laterGates(plans, phase)
  if (steps.length === 0) return new Map()
  const found = await askGates(steps, { session, plans, checks, signal: context.signal })
  const results = steps.map((step) => gateResult(step, plans, found.get(step.id)))
  ;(gates as GateResult[]).push(...results)
  for (const { plan, opens, findings } of results) {
    all.push(...findings)
    if (findings.some((it) => it.status !== 'pass')) await keep(context, plan, opens, findings)
  }
  return new Map(results.flatMap((it) => (it.status === 'open' ? [[it.plan, it.findings] as const] : [])))
}

// What opened a gate is written with the change of route; what kept it closed, by itself.
async function keep(
  { target, lease, ledger, run }: Context,
  plan: string,
  opens: string,
  findings: readonly Finding[],
): Promise<void> {
  await target.transaction(async (tx) => {
    await lease.fence(tx)
    await ledger.saveFindings(tx, run, plan, opens, findings)
  })
}

function outcomeOf({ acts, gates, options: { phase } }: Later): PhaseWork {
  const isClosed = gates.some((it) => it.status !== 'open')
  const has = (status: Act['status']) => acts.some((it) => it.status === status)
  const outcome = isClosed || has('failed') ? 'closed' : has('waiting') ? 'waiting' : 'done'
  const next = {
    closed: isClosed
      ? `Mend what is listed, or wait for it, then ask again: kvmig check --phase=${phase}.`
      : `Then again: kvmig apply --phase=${phase}.`,
    waiting: `Run kvmig apply --phase=${phase} again later: it goes on where it is.`,
    done: acts.length > 0 && acts.every(isStaying) ? STAYS : NEXT[phase],
  }[outcome]
  return { outcome, acts, gates, next }
}

const isStaying = ({ status, verb }: Act): boolean => status === 'kept' && verb === 'phase A'

const STAYS =
  'Every plan stays in phase A, for the reasons above. kvmig apply --phase=A --again takes over what has changed; cut over with the application stopped.'

const NEXT: { readonly [P in 'B' | 'C' | 'D']: string } = {
  B: 'Both stores are written now. kvmig reconcile daily; kvmig status says when phase C may begin.',
  C: 'Postgres answers now, and the source stays written. Keep kvmig watch running; kvmig rollback goes back within seconds.',
  D: 'The source is retired.',
}

const outOfOrder = (plan: string, before: Phase): KvmigError =>
  new KvmigError('PHASE_ORDER', `Plan ${plan} has not completed phase ${before}.`, {
    hint: `Phases come one after the other: kvmig apply --phase=${before} ${plan}.`,
  })
