import { failpoint } from '../failpoint.ts'
import type { GateStep } from '../plan/step.ts'
import type { Executor } from './executor.ts'

/** Asks the checks and keeps their findings. Opens only if every one of them passes: an error is not a pass, nor is no data. */
export const gate: Executor<GateStep> = {
  kind: 'gate',
  describe: ({ opens, checks }) => ({ symbol: '?', verb: `gate ${opens}`, subject: checks.map((it) => it.check).join(', '), detail: '' }),
  run: async (step, context) => {
    const findings = await context.ask(step)
    const status = findings.every((it) => it.status === 'pass') ? 'opened' : 'closed'
    await context.target.transaction(async (tx) => {
      await context.lease.fence(tx)
      await context.ledger.saveFindings(tx, context.run, step.plan, step.opens, findings)
    })
    failpoint('gate.judged')
    return { status, findings }
  },
}
