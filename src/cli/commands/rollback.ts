import { EXIT } from '../../errors.ts'
import { counted, listed } from '../../report/wording.ts'
import { planRollback, type RollbackPlan, rollback } from '../../runner/rollback.ts'
import { runStart } from '../../runner/run-start.ts'
import type { Session } from '../../runner/session.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import type { Io } from '../io.ts'
import { lossesOf, showLosses } from '../losses.ts'
import { printReport } from '../print-report.ts'
import { createProgress } from '../progress.ts'
import { loadProject, plansNamed } from '../project.ts'
import { createRollbackReport } from '../reports/rollback-report.ts'
import { withSession } from '../session.ts'

export interface RollbackOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly yes?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Takes phase A back: lists what would go, asks, then drops exactly that. The source is not touched. */
export async function run(options: RollbackOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  return withSession({ project, options, io }, async (session) => {
    const installed = await session.ledger.installed()
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
