import type { Finding } from '../../checks/check.ts'
import type { Context } from '../../executors/executor.ts'
import type { Graph } from '../../graph/graph.ts'
import type { Phase, Plan } from '../../plan/plan.ts'
import type { Step } from '../../plan/step.ts'
import type { Act, GateResult } from '../../report/report.ts'
import type { Patience } from '../../runner/phases/fleet.ts'
import { runHooks } from '../../runner/phases/hooks.ts'
import type { ServerUses } from '../../runner/phases/server-use.ts'
import type { Session } from '../../runner/session.ts'
import type { Executors } from '../../runner/take-back.ts'
import type { Transaction } from '../../target/target.ts'
import type { LaterOptions } from '../commands/apply-later.ts'
import type { Io } from '../io.ts'

/** What bringing plans into a later phase needs, and where it tells what it did. */
export interface Later {
  readonly session: Session
  readonly context: Context
  readonly options: LaterOptions
  readonly io: Io
  readonly graph: Graph<Step>
  readonly executors: Executors
  readonly acts: Act[]
  readonly gates: readonly GateResult[]
  /** Phase D: what others ask the servers of its sources. */
  readonly uses?: ServerUses | undefined
}

/** How long to wait for instances, unless `--wait` says otherwise: they look every second. Who is late is told on stderr meanwhile. */
export const patienceOf = ({ options: { wait = 30, quiet }, io }: Later, plan: Plan): Patience => ({
  waitMillis: wait * 1000,
  waiting: (who) => {
    if (!quiet) io.stderr.write(`${plan.name}: ${who}. Waiting for ${wait} s at most.\n`)
  },
})

/** The findings that opened a gate go into the ledger with the change of route, or not at all. */
export const evidenceOf =
  ({ context }: Later, plan: Plan, opens: Phase, findings: readonly Finding[] | undefined) =>
  async (tx: Transaction): Promise<void> => {
    if (findings) await context.ledger.saveFindings(tx, context.run, plan.name, opens, findings)
  }

/** Runs the hooks of a plan around a phase; their output goes to stderr. */
export async function hooks(later: Later, plan: Plan, when: 'before' | 'after', phase: Phase): Promise<void> {
  const { session, context, options, io, acts } = later
  const ran = await runHooks(plan, when, phase, {
    root: session.project.root,
    variables: {
      KVMIG_PROJECT: session.project.file,
      ...(options.env === undefined ? {} : { KVMIG_ENV: options.env }),
    },
    secrets: session.secrets(),
    signal: context.signal,
    tell: (line) => io.stderr.write(`${plan.name} ${when} ${phase}: ${line}\n`),
  })
  for (const { run, millis } of ran)
    acts.push({
      plan: plan.name,
      status: 'done',
      verb: 'hook',
      detail: `${when} ${phase}: ${run} (${(millis / 1000).toFixed(1)} s)`,
    })
}
