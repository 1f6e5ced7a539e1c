import { EXIT } from '../../errors.ts'
import { fingerprints } from '../../plan/fingerprint.ts'
import { type Retried, retry } from '../../runner/retry.ts'
import { runStart } from '../../runner/run-start.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { createProgress } from '../progress.ts'
import { loadProject, plansNamed } from '../project.ts'
import { countQuarantine } from '../quarantine.ts'
import { createRetryReport } from '../reports/retry-report.ts'
import { withSession } from '../session.ts'

export interface RetryOptions extends CommonOptions {
  readonly plans: readonly string[]
  readonly json?: boolean | undefined
}

/** Replays what is in the quarantine through the plans as they are now. */
export async function run(options: RetryOptions, io: Io): Promise<number> {
  const { project } = await loadProject(options, io)
  const chosen = plansNamed(project, options.plans)
  const plans = chosen.map((it) => it.name)
  const { graph } = compileProject(project, options.plans)
  const known = fingerprints(graph)
  return withSession({ project, options, io }, async (session) => {
    const { describeStep, EXECUTORS } = await import('../../catalog.ts')
    const began = io.now()
    const progress = await createProgress({ io, quiet: options.quiet, plans, describe: describeStep })
    let retried: readonly Retried[] = []
    try {
      if (await session.ledger.installed()) {
        retried = await retry({
          session,
          graph,
          plans,
          executors: EXECUTORS,
          fingerprint: (step) => known.get(step.id)!,
          run: runStart({ command: 'retry', phase: 'A', plans, project }, io.env),
          listener: progress.listener,
        })
      }
    } finally {
      await progress.finish()
    }
    const report = createRetryReport({
      project: project.file,
      environment: options.env,
      target: session.target.label,
      graph,
      retried,
      quarantine: await countQuarantine(session, chosen),
      millis: io.now() - began,
      describe: describeStep,
    })
    printReport(report, options.json ? 'json' : 'text', io)
    return EXIT.done
  })
}
