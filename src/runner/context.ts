import type { Context, Counts, Outcome } from '../executors/executor.ts'
import { remember } from '../executors/remember.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { Step } from '../plan/step.ts'
import type { Lease, StepRecord } from '../state/ledger.ts'
import type { Listener } from './events.ts'
import type { Session } from './session.ts'

export interface ContextOptions {
  readonly session: Session
  readonly lease: Lease
  readonly run: string
  readonly signal: AbortSignal
  readonly fingerprint: (step: Step) => string
  readonly ask: Context['ask']
  readonly listener: Listener
  readonly batchRows?: number | undefined
  /** Absent: nobody pauses this run. */
  readonly requireGoing?: Context['requireGoing'] | undefined
}

/** More rows in a transaction cost memory and bring nothing measurable; fewer cost commits. */
const BATCH_ROWS = 20_000

/** What executors may use in one run. */
export function createContext({
  session,
  lease,
  run,
  signal,
  fingerprint,
  ask,
  listener,
  batchRows = BATCH_ROWS,
  requireGoing = () => {},
}: ContextOptions): Context {
  return {
    project: session.project,
    compiled: session.compiled,
    target: session.target,
    ledger: session.ledger,
    lease,
    run,
    signal,
    batchRows,
    source: (name) => session.source(name),
    requireGoing,
    ask,
    fingerprint,
    record: (tx, step, outcome) =>
      session.ledger.saveStep(tx, {
        ...stepRecord(step, fingerprint(step), session.compiled),
        state: outcome.status === 'failed' ? 'failed' : 'done',
        outcome: { counts: countsOf(outcome) },
      }),
    progress: (step, counts, reached) =>
      listener({ kind: 'progress', step, counts, ...(reached === undefined ? {} : { reached }) }),
  }
}

/** A step as the ledger keeps it, begun. */
export const stepRecord = (
  step: Step,
  fingerprint: string,
  compiled: Pick<CompiledProject, 'tracked'>,
): StepRecord => ({
  id: step.id,
  plan: step.plan,
  phase: step.phase,
  kind: step.kind,
  fingerprint,
  state: 'running',
  definition: remember(step, compiled),
  outcome: {},
})

export const countsOf = (outcome: Outcome | undefined): Counts =>
  outcome && 'counts' in outcome ? (outcome.counts ?? {}) : {}
