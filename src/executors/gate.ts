import { failpoint } from '../failpoint.ts'
import type { GateStep } from '../plan/step.ts'
import type { Context, Executor, Outcome } from './executor.ts'

/**
 * Asks the checks and keeps their findings. Opens only if every one of them passes: an error is not a pass, nor is no data. Gates that are
 * ready together are asked together, so that a source is surveyed once for all of them.
 */
export const gate: Executor<GateStep> = {
  kind: 'gate',
  describe: ({ opens, checks }) => ({
    symbol: '?',
    verb: `gate ${opens}`,
    subject: checks.map((it) => it.check).join(', '),
    detail: '',
  }),
  together: (step) => `gate ${step.opens}`,
  run: async (step, context) => (await judge([step], context)).get(step.id)!,
  runTogether: judge,
}

async function judge(steps: readonly GateStep[], context: Context): Promise<ReadonlyMap<string, Outcome>> {
  const findings = await context.ask(steps)
  await context.target.transaction(async (tx) => {
    await context.lease.fence(tx)
    for (const step of steps) {
      await context.ledger.saveFindings(tx, context.run, step.plan, step.opens, findings.get(step.id)!)
    }
  })
  failpoint('gate.judged')
  return new Map(
    steps.map(({ id }) => {
      const answers = findings.get(id)!
      const status = answers.every((it) => it.status === 'pass') ? 'opened' : 'closed'
      return [id, { status, findings: answers }]
    }),
  )
}
