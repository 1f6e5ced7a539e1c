import type { Finding } from '../../checks/check.ts'
import { EXIT } from '../../errors.ts'
import type { Plan } from '../../plan/plan.ts'
import type { GateStep } from '../../plan/step.ts'
import type { GateResult } from '../../report/report.ts'

/** What a gate answered; without findings it was not asked. */
export const gateResult = (
  { plan, opens }: GateStep,
  plans: readonly Plan[],
  findings: readonly Finding[] | undefined,
): GateResult => ({
  plan,
  file: plans.find((it) => it.name === plan)?.file ?? '',
  opens,
  status: !findings ? 'skipped' : findings.every((it) => it.status === 'pass') ? 'open' : 'closed',
  findings: findings ?? [],
})

/** 0 where every check passed, 5 where only time or people are missing, else 3. */
export function gateExit(findings: readonly Finding[]): number {
  const shut = findings.filter((it) => it.status !== 'pass')
  if (shut.length === 0) return EXIT.done
  return shut.every((it) => it.status === 'pending') ? EXIT.notYet : EXIT.gateClosed
}
