import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '../../checks/span.ts'
import { EXIT, KvmigError, TargetError } from '../../errors.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Act } from '../../report/report.ts'
import { goBack } from '../../runner/phases/back.ts'
import { inRun } from '../../runner/run.ts'
import { runStart } from '../../runner/run-start.ts'
import type { Session } from '../../runner/session.ts'
import { type Asked, askTriggers } from '../../runner/watch.ts'
import { pause, watched } from '../../state/watching.ts'
import type { CommonOptions } from '../args.ts'
import { listenForBugs } from '../bug-listener.ts'
import { sentence } from '../failure.ts'
import type { Io } from '../io.ts'
import { notify } from '../notify.ts'
import { printPhase } from '../phase-run.ts'
import { loadProject, plansNamed } from '../project.ts'
import { withSession } from '../session.ts'

export interface WatchOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly once?: boolean | undefined
  readonly every?: number | undefined
  readonly webhook?: string | undefined
  readonly notify?: string | undefined
  /** Where bug reports are taken over HTTP: a port, or host:port. */
  readonly listen?: string | undefined
  readonly json?: boolean | undefined
}

/** Seconds between two rounds. */
const EVERY = 15

/**
 * Asks the triggers of plans in their phases and acts on what fires: tells, pauses, or goes one phase back, which then stays so until
 * somebody resumes the plan. A plan in B that has triggers of C alone is waited for. Ends when no plan has triggers to ask any more; not where it listens for bug reports. Exit 4 if one fired.
 */
export async function run(options: WatchOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  if (options.listen !== undefined && options.once)
    throw new KvmigError('USAGE', '--once asks and ends: there is nothing to listen with.', {
      hint: 'Leave one of --once and --listen out.',
    })
  const named = plansNamed(project, options.plans)
  const plans = named.filter((it) => it.triggers.size > 0)
  return withSession({ project, options, io }, async (session) => {
    const began = io.now()
    const told: Told = { acts: new Map(), fired: false }
    const close = await listener(session, named, options, io)
    try {
      for (let isOutOfReach = false; ; ) {
        try {
          const count = await askAll(told, { session, plans, options, io })
          if (options.once || (count === 0 && options.listen === undefined)) break
          isOutOfReach = false
        } catch (error) {
          // Whoever watches stays awake when Postgres is away for a while.
          if (options.once || !(error instanceof TargetError)) throw error
          if (!isOutOfReach) io.stderr.write(sentence(error.code, error.message, 'It is asked again.'))
          isOutOfReach = true
        }
        await sleep((options.every ?? EVERY) * 1000, undefined, { signal: session.signal })
      }
    } finally {
      await close()
    }
    const { acts, fired } = told
    const next = acts.size === 0 ? 'No plan has triggers in the phase it is in.' : undefined
    const work = { outcome: fired ? 'fired' : 'done', acts: [...acts.values()], next } as const
    printPhase({ session, options, command: 'watch', work, millis: io.now() - began }, io)
    return fired ? EXIT.triggerFired : EXIT.done
  })
}

interface Told {
  /** The last of each trigger. */
  readonly acts: Map<string, Act>
  fired: boolean
}

/** Asks the triggers of all plans once; says how many plans have triggers in their phase. */
async function askAll(
  told: Told,
  { session, plans, options, io }: Omit<Acting, 'plan'> & { readonly plans: readonly Plan[] },
): Promise<number> {
  const { CHECKS: checks } = await import('../../catalog.ts')
  const { signal } = session
  const routes = await session.ledger.routes()
  let watching = 0
  for (const plan of plans) {
    const phase = routes.get(plan.name)?.phase
    if (!phase) continue
    // Gate C asks whether somebody watches before its triggers have anything to say.
    if (phase === 'B' && !plan.triggers.has('B') && plan.triggers.has('C')) {
      watching += 1
      await watched(session.target, plan.name)
      const detail = 'its triggers begin with phase C'
      told.acts.set(`${plan.name} ${phase}`, { plan: plan.name, status: 'done', verb: 'watched', detail })
      continue
    }
    told.acts.delete(`${plan.name} B`)
    if (!plan.triggers.has(phase)) continue
    watching += 1
    for (const asked of await askTriggers(session, plan, phase, { checks, signal })) {
      const act = await actOn(asked, { session, plan, options, io })
      told.acts.set(`${plan.name} ${phase} ${asked.trigger.check} ${asked.trigger.at.line}`, act)
      told.fired ||= act.status === 'fired'
      if (!options.once && asked.isNews) sayLine(asked, act, options, io)
    }
  }
  return watching
}

async function listener(
  { target, ledger }: Session,
  plans: readonly Plan[],
  { listen, quiet }: WatchOptions,
  io: Io,
): Promise<() => Promise<void>> {
  if (listen === undefined) return async () => {}
  await ledger.install()
  const token = io.env.KVMIG_LISTEN_TOKEN || undefined
  const { url, close } = await listenForBugs({
    address: listen,
    token,
    plans: plans.map((it) => it.name),
    target,
  })
  if (!quiet) io.stderr.write(`Taking bug reports: POST ${url}\n`)
  return close
}

interface Acting {
  readonly session: Session
  readonly plan: Plan
  readonly options: WatchOptions
  readonly io: Io
}

async function actOn(asked: Asked, acting: Acting): Promise<Act> {
  const { plan, finding, verdict, trigger, isNews } = asked
  const since = 'since' in verdict ? new Date(verdict.since).toISOString() : undefined
  const measured = finding.measured.replace(/\.$/, '')
  const act = (status: Act['status'], detail: string): Act => ({ plan, status, verb: trigger.check, detail })
  if (verdict.state === 'quiet') {
    if (isNews) await notify(asked, 'recovered', acting)
    return act('done', measured)
  }
  if (verdict.state === 'failing')
    return act(
      'waiting',
      `${measured}; failing for ${span(verdict.failingMillis)} of ${span(trigger.forMillis)}`,
    )
  if (verdict.state === 'blind') {
    if (isNews) await notify(asked, 'nothing could be measured', acting)
    return act('failed', `nothing could be measured since ${since}: ${measured}`)
  }
  const did = await carryOut(asked, acting)
  if (isNews) await notify(asked, did, acting)
  return act('fired', `${measured}, since ${since}: ${did}`)
}

/** What a trigger that fired brings about; says what was done, or why not. */
async function carryOut({ trigger, phase, finding }: Asked, acting: Acting): Promise<string> {
  const { session, plan } = acting
  const because = `trigger ${trigger.check} fired: ${finding.measured}`
  if (trigger.do === 'alert') return 'alert'
  if (trigger.do === 'pause') {
    await session.target.transaction((tx) => pause(tx, plan.name, because))
    return 'paused'
  }
  if (phase !== 'C' && phase !== 'B')
    return `alert; there is no phase before ${phase} to go back to by itself`
  try {
    const to = phase === 'C' ? 'B' : 'A'
    await inRun(
      {
        session,
        run: runStart(
          { command: 'watch', phase, plans: [plan.name], project: session.project },
          acting.io.env,
        ),
        fingerprint: () => '',
        listener: () => {},
      },
      async (context) => {
        const route = (await session.ledger.routes()).get(plan.name)
        if (route?.phase === phase)
          await goBack(session, context, { plan, route, to, atRisk: undefined, why: 'rollback' })
        // Forward again takes a person: what comes and goes would flip it back and forth.
        await session.target.transaction((tx) => pause(tx, plan.name, because))
        return { result: undefined, outcome: 'done', summary: { because } }
      },
    )
    return `rolled back to phase ${to}; kvmig resume ${plan.name} lets it go on`
  } catch (error) {
    if (!(error instanceof KvmigError)) throw error
    return `could not roll back (${error.code}: ${error.message}); it is tried again`
  }
}

function sayLine(asked: Asked, { status, detail }: Act, { json }: WatchOptions, { stdout }: Io): void {
  const { plan, phase, trigger } = asked
  const at = new Date().toISOString()
  stdout.write(
    json
      ? `${JSON.stringify({ at, plan, phase, trigger: trigger.check, status, detail })}\n`
      : `${at}  ${plan}  ${trigger.check}  ${status}  ${detail}\n`,
  )
}
