import { EXIT, KvmigError } from '../../errors.ts'
import { fingerprints } from '../../plan/fingerprint.ts'
import { type Retried, retry } from '../../runner/retry.ts'
import { runStart } from '../../runner/run-start.ts'
import type { Session } from '../../runner/session.ts'
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
        await requirePhaseA(session, plans)
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

/** A replay asks nobody whether he is writing: once instances write both stores, it would write over them. */
async function requirePhaseA({ ledger }: Session, plans: readonly string[]): Promise<void> {
  const routes = await ledger.routes()
  const later = plans.find((it) => (routes.get(it)?.phase ?? 'A') !== 'A')
  if (later === undefined) return
  throw new KvmigError(
    'PHASE_PAST',
    `Plan ${later} is in phase ${routes.get(later)!.phase}: both stores are written.`,
    {
      hint: 'What the application writes now becomes a row by itself. kvmig reconcile compares the rest; the catch-up of phase B takes over what was mended before.',
    },
  )
}
