import { EXIT, KvmigError } from '../../errors.ts'
import type { Phase, Plan } from '../../plan/plan.ts'
import { counted, listed } from '../../report/wording.ts'
import { planRollback, type RollbackPlan, rollback } from '../../runner/rollback.ts'
import { runStart } from '../../runner/run-start.ts'
import type { Session } from '../../runner/session.ts'
import { lastWhy } from '../../state/flips.ts'
import type { Route } from '../../state/ledger.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import type { Io } from '../io.ts'
import { lossesOf, showLosses } from '../losses.ts'
import { goBackPhases } from '../phases/go-back.ts'
import { printReport } from '../print-report.ts'
import { createProgress } from '../progress.ts'
import { loadProject, plansNamed } from '../project.ts'
import { createRollbackReport } from '../reports/rollback-report.ts'
import { withSession } from '../session.ts'

export interface RollbackOptions extends CommonOptions {
  readonly plans: readonly string[]
  /** Default: one phase back. */
  readonly to?: Phase | undefined
  readonly acceptRisk?: number | undefined
  readonly yes?: boolean | undefined
  /** Take phase A back, also of plans that a rollback has brought there. */
  readonly drop?: boolean | undefined
  readonly json?: boolean | undefined
}

/**
 * Goes back. Plans in B or C only change their route, within seconds. Where all are in A it takes phase A back: lists what would go, asks,
 * then drops exactly that; the source is not touched.
 */
export async function run(options: RollbackOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  if (options.to === 'D')
    throw new KvmigError('USAGE', 'The way back does not lead to phase D.', { hint: 'Say --to=C, B or A.' })
  return withSession({ project, options, io }, async (session) => {
    const installed = await session.ledger.installed()
    const routes = installed ? await session.ledger.routes() : new Map<string, Route>()
    const plans = (await namesOf(options.plans, session)).flatMap((name) => {
      const [plan, route] = [project.plans.find((it) => it.name === name), routes.get(name)]
      return plan && route ? [{ plan, route }] : []
    })
    const isRoute = options.to !== undefined || plans.some(({ route }) => route.phase !== 'A')
    if (isRoute || (await isSaidTwice(session, plans, options, io))) {
      await goBackPhases(session, plans, options, io)
      return EXIT.done
    }
    const names = await namesOf(options.plans, session)
    const what = installed ? await planRollback(session, names) : { plans: names, steps: [] }
    if (what.steps.length > 0) {
      io.stderr.write(`${showLosses(await lossesOf(session, what.steps))}\n`)
      const whose = names.length > 4 ? counted(names.length, 'plan') : listed(names)
      const question = `Take back phase A of ${whose} on ${session.target.label}? The source stays as it is.`
      if (!(await confirm(question, options.yes, io))) return EXIT.couldNot
    }
    const began = io.now()
    const undone = what.steps.length > 0 ? await takeBack({ session, what, options }, io) : []
    const { describeStep } = await import('../../catalog.ts')
    const report = createRollbackReport({
      project: project.file,
      environment: options.env,
      target: session.target.label,
      steps: what.steps.filter((it) => undone.includes(it.id)),
      millis: io.now() - began,
      describe: describeStep,
    })
    printReport(report, options.json ? 'json' : 'text', io)
    return EXIT.done
  })
}

/** Whoever is called at night says it twice, with --yes: what has brought a plan to A does not drop its tables the next time. */
async function isSaidTwice(
  session: Session,
  plans: readonly { readonly plan: Plan }[],
  { yes, drop }: RollbackOptions,
  io: Io,
): Promise<boolean> {
  if (drop || (io.isTerminal && !yes)) return false
  for (const { plan } of plans) if ((await lastWhy(session.target, plan.name)) === 'rollback') return true
  return false
}

/** Also of plans that were applied and that the project does not have any more: there is no other way to take those back. */
async function namesOf(asked: readonly string[], { project, ledger }: Session): Promise<readonly string[]> {
  const applied = new Set([...(await ledger.steps()).values()].map((it) => it.plan))
  const gone = asked.filter((name) => applied.has(name) && !project.plans.some((it) => it.name === name))
  const others = asked.filter((name) => !gone.includes(name))
  const known = gone.length > 0 && others.length === 0 ? [] : plansNamed(project, others)
  return [...known.map((it) => it.name), ...gone]
}

interface TakeBack {
  readonly session: Session
  readonly what: RollbackPlan
  readonly options: RollbackOptions
}

async function takeBack({ session, what, options }: TakeBack, io: Io): Promise<readonly string[]> {
  const { describeStep, EXECUTORS } = await import('../../catalog.ts')
  const names = what.plans
  const progress = await createProgress({ io, quiet: options.quiet, plans: names, describe: describeStep })
  try {
    return await rollback({
      session,
      what,
      executors: EXECUTORS,
      run: runStart({ command: 'rollback', phase: 'A', plans: names, project: session.project }, io.env),
      listener: progress.listener,
    })
  } finally {
    await progress.finish()
  }
}
