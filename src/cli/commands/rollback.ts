import { EXIT } from '../../errors.ts'
import type { Plan } from '../../plan/plan.ts'
import { counted, listed } from '../../report/wording.ts'
import { planRollback, type RollbackPlan, rollback } from '../../runner/rollback.ts'
import { runStart } from '../../runner/run-start.ts'
import type { Session } from '../../runner/session.ts'
import type { CommonOptions } from '../args.ts'
import { confirm } from '../confirm.ts'
import type { Io } from '../io.ts'
import { showLosses } from '../losses.ts'
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
  const plans = plansNamed(project, options.plans)
  const names = plans.map((it) => it.name)
  return withSession({ project, options, io }, async (session) => {
    const installed = await session.ledger.installed()
    const what = installed ? await planRollback(session, names) : { plans: names, steps: [] }
    if (what.steps.length > 0) {
      io.stderr.write(`${showLosses(what.steps)}\n`)
      const whose = names.length > 4 ? counted(names.length, 'plan') : listed(names)
      const question = `Take back phase A of ${whose} on ${session.target.label}? The source stays as it is.`
      if (!(await confirm(question, options.yes, io))) return EXIT.couldNot
    }
    const began = io.now()
    const undone = what.steps.length > 0 ? await takeBack({ session, what, plans, options }, io) : []
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

interface TakeBack {
  readonly session: Session
  readonly what: RollbackPlan
  readonly plans: readonly Plan[]
  readonly options: RollbackOptions
}

async function takeBack({ session, what, plans, options }: TakeBack, io: Io): Promise<readonly string[]> {
  const { describeStep, EXECUTORS } = await import('../../catalog.ts')
  const names = plans.map((it) => it.name)
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
