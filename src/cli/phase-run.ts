import type { Context } from '../executors/executor.ts'
import type { Phase, Plan } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import type { Act, GateResult, PhaseReport } from '../report/report.ts'
import { type Ended, inRun } from '../runner/run.ts'
import { runStart } from '../runner/run-start.ts'
import type { Session } from '../runner/session.ts'
import type { CommonOptions } from './args.ts'
import type { Io } from './io.ts'
import { printReport } from './print-report.ts'

/** What a command of the later phases came to. */
export interface PhaseWork {
  readonly outcome: PhaseReport['outcome']
  readonly acts: readonly Act[]
  readonly gates?: readonly GateResult[]
  readonly next?: string | undefined
}

export interface PhaseCommand {
  readonly session: Session
  readonly options: CommonOptions & { readonly json?: boolean | undefined }
  /** As it was called, without what may be secret: `apply --phase=B`. */
  readonly command: string
  readonly phase?: Phase
  readonly plans: readonly Plan[]
  /** Of the steps of phase A that the work does again. */
  readonly fingerprint?: (step: Step) => string
}

/** Does work as one run, under the lease and in the journal, and prints its report. */
export async function phaseRun(
  { session, options, command, phase, plans, fingerprint = () => '' }: PhaseCommand,
  io: Io,
  work: (context: Context) => Promise<PhaseWork>,
): Promise<PhaseWork> {
  const began = io.now()
  const names = plans.map((it) => it.name)
  const done = await inRun(
    {
      session,
      run: runStart({ command, phase, plans: names, project: session.project }, io.env),
      fingerprint,
      listener: () => {},
    },
    async (context): Promise<Ended<PhaseWork>> => {
      const result = await work(context)
      return { result, outcome: ENDED[result.outcome], summary: { acts: result.acts } }
    },
  )
  printPhase({ session, options, command, work: done, millis: io.now() - began }, io)
  return done
}

/** Prints the report of work that needed no lease. */
export function printPhase(
  {
    session,
    options,
    command,
    work: { outcome, acts, gates = [], next },
    millis,
  }: Pick<PhaseCommand, 'session' | 'options' | 'command'> & { work: PhaseWork; millis: number },
  io: Io,
): void {
  const report: PhaseReport = {
    kind: 'phase',
    project: session.project.file,
    ...(options.env === undefined ? {} : { environment: options.env }),
    target: session.target.label,
    command,
    outcome,
    acts,
    gates,
    millis,
    ...(next === undefined ? {} : { next }),
  }
  printReport(report, options.json ? 'json' : 'text', io)
}

const ENDED = {
  done: 'done',
  waiting: 'closed',
  closed: 'closed',
  failed: 'failed',
  fired: 'done',
  interrupted: 'interrupted',
} as const
