import type { Change } from '../../executors/executor.ts'
import type { Graph } from '../../graph/graph.ts'
import type { Step } from '../../plan/step.ts'
import type { ApplyReport, QuarantineCount } from '../../report/report.ts'
import type { Retried } from '../../runner/retry.ts'

export interface RetryReportParts {
  readonly project: string
  readonly environment: string | undefined
  readonly target: string
  readonly graph: Graph<Step>
  readonly retried: readonly Retried[]
  /** What is left. */
  readonly quarantine: readonly QuarantineCount[]
  readonly millis: number
  describe(step: Step): Change
}

/** What `kvmig retry` did: the mappings whose quarantine was replayed, and what is left in it. */
export const createRetryReport = (parts: RetryReportParts): ApplyReport => ({
  kind: 'apply',
  project: parts.project,
  ...(parts.environment === undefined ? {} : { environment: parts.environment }),
  target: parts.target,
  command: 'retry',
  phase: 'A',
  outcome: 'done',
  steps: parts.retried.map(({ step: id, keys, counts }) => {
    const step = parts.graph.get(id)!.data
    return {
      id,
      ...(step.plan === undefined ? {} : { plan: step.plan }),
      change: { ...parts.describe(step), verb: 'retry' },
      status: 'done',
      counts: { ...counts, keys },
    }
  }),
  gates: [],
  tables: [],
  accounts: [],
  quarantine: parts.quarantine,
  millis: parts.millis,
  look: [],
})
