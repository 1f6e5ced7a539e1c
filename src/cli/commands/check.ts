import { KvmigError } from '../../errors.ts'
import type { Phase } from '../../plan/plan.ts'
import type { GateStep } from '../../plan/step.ts'
import type { CheckReport } from '../../report/report.ts'
import { askGates, laterGates } from '../../runner/gates.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import type { Io } from '../io.ts'
import { printReport } from '../print-report.ts'
import { loadProject, plansNamed } from '../project.ts'
import { gateExit, gateResult } from '../reports/gate-result.ts'
import { withSession } from '../session.ts'

export interface CheckOptions extends CommonOptions {
  readonly plans: readonly string[]
  /** The phase that the gate opens. */
  readonly phase: Phase
  readonly fast?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Asks the checks of gates now. Changes nothing: neither the data nor what is remembered of the gates. */
export async function run(options: CheckOptions, io: Io): Promise<number> {
  const { phase } = options
  if (phase === 'A')
    throw new KvmigError('USAGE', 'No gate opens phase A.', { hint: 'Say --phase=B, C or D.' })
  const { project } = await loadProject(options, io)
  const plans = plansNamed(project, options.plans)
  const { graph } = compileProject(project, options.plans)
  const gates =
    phase === 'B'
      ? graph.vertices.flatMap(({ data }) =>
          data.kind === 'gate' && plans.some((it) => it.name === data.plan) ? [data] : [],
        )
      : laterGates(plans, phase)
  return withSession({ project, options, io }, async (session) => {
    // Refuses a ledger that a newer kvmig wrote: half of the checks would not notice.
    await session.ledger.installed()
    const { CHECKS } = await import('../../catalog.ts')
    const found = await askGates(gates, { session, plans, checks: CHECKS, signal: session.signal })
    const results = gates.map((gate: GateStep) => gateResult(gate, plans, found.get(gate.id)))
    const report: CheckReport = {
      kind: 'check',
      project: project.file,
      ...(options.env === undefined ? {} : { environment: options.env }),
      target: session.target.label,
      gates: results,
    }
    printReport(report, options.json ? 'json' : 'text', io)
    return gateExit(results.flatMap((it) => it.findings))
  })
}
