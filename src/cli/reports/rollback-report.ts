import type { Change } from '../../executors/executor.ts'
import type { Step } from '../../plan/step.ts'
import type { ApplyReport } from '../../report/report.ts'
import type { StepRecord } from '../../state/ledger.ts'

export interface RollbackReportParts {
  readonly project: string
  readonly environment: string | undefined
  readonly target: string
  /** What was taken back, in that order. */
  readonly steps: readonly StepRecord[]
  readonly millis: number
  describe(step: Step): Change
}

/** What `kvmig rollback` took back. */
export const createRollbackReport = (parts: RollbackReportParts): ApplyReport => ({
  kind: 'apply',
  project: parts.project,
  ...(parts.environment === undefined ? {} : { environment: parts.environment }),
  target: parts.target,
  command: 'rollback',
  phase: 'A',
  outcome: 'done',
  steps: parts.steps.map(({ id, plan, definition }) => {
    const { verb, subject } = parts.describe(definition as Step)
    return {
      id,
      ...(plan === undefined ? {} : { plan }),
      change: { symbol: '-', verb, subject, detail: '' },
      status: 'done',
      counts: {},
    }
  }),
  gates: [],
  tables: [],
  accounts: [],
  quarantine: [],
  millis: parts.millis,
  look: [],
})
