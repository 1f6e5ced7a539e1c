import type { Finding } from '../../checks/check.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Route } from '../../state/ledger.ts'
import type { Later } from './later.ts'

export async function beginRetire(
  _later: Later,
  _retiring: { readonly plan: Plan; readonly route: Route; readonly evidence: readonly Finding[] | undefined },
): Promise<void> {
  throw new Error('TODO')
}
