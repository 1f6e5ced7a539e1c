import type { Compilation } from '../plan/compile.ts'
import { type Standing as Stands, standing } from '../plan/step-state.ts'
import type { Session } from '../runner/session.ts'
import type { StepRecord } from '../state/ledger.ts'

/** Where the steps of a project stand, as the target remembers them. */
export interface Standing extends Stands<StepRecord> {
  readonly records: ReadonlyMap<string, StepRecord>
}

/** Asks the ledger, which may not be there yet. `again`: as if everything had to be copied again. */
export async function pendingOf(
  { ledger, project, compiled }: Pick<Session, 'ledger' | 'project' | 'compiled'>,
  { graph, waves }: Compilation,
  again?: boolean,
): Promise<Standing> {
  const records: ReadonlyMap<string, StepRecord> = (await ledger.installed())
    ? await ledger.steps()
    : new Map()
  const plans = new Set(waves.map((it) => it.plan.name))
  const whole = plans.size === project.plans.length
  return { records, ...standing({ graph, records, plans, whole, tracked: compiled.tracked, again }) }
}
