import type { Diagnostic } from '../diagnostic.ts'
import type { Change } from '../executors/executor.ts'
import type { Compilation } from '../plan/compile.ts'
import type { Project } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import type { StepState } from '../plan/step-state.ts'
import type { LiveSection, Loss, PlannedPlan, PlannedStep, PlanReport } from './report.ts'

export interface PlanReportParts {
  readonly project: Project
  readonly compiled: Compilation
  /** Of every step of the graph; absent where nobody could ask the ledger: then all are pending. */
  readonly states?: ReadonlyMap<string, StepState>
  readonly removed?: readonly Loss[]
  /** Asks the step's executor. */
  describe(step: Step): Change
  /** The address of a source or of the target as it may be shown. */
  address(name: string | undefined): string
  readonly oneWay?: ReadonlyMap<string, PlannedPlan['oneWay']>
  readonly road?: ReadonlyMap<string, PlannedPlan['road']>
  /** Beside those of the compiler. */
  readonly diagnostics?: readonly Diagnostic[]
  readonly environment?: string
  readonly live?: LiveSection
  readonly saved?: string
}

/** Gathers what `kvmig plan` shows. Pure. */
export function createPlanReport(parts: PlanReportParts): PlanReport {
  const { project, compiled, states, describe, address, environment, live, saved } = parts
  const steps = compiled.graph.vertices.map(({ id, data }): PlannedStep & { plan: string | undefined } => {
    const state = states?.get(id) ?? { state: 'pending' }
    return {
      id,
      plan: data.plan,
      phase: data.phase,
      kind: data.kind,
      change: describe(data),
      state: state.state,
      ...(state.state === 'again' && { because: state.because }),
    }
  })
  const stepsOf = (name: string | undefined): PlannedStep[] =>
    steps.filter(({ plan }) => plan === name).map(({ plan, ...step }) => step)
  return {
    kind: 'plan',
    project: project.file,
    ...(environment !== undefined && { environment }),
    target: address(undefined),
    shared: stepsOf(undefined),
    plans: compiled.waves.map(({ plan, wave, neededBy }) => ({
      plan: plan.name,
      file: plan.file,
      source: address(plan.source),
      wave,
      neededBy,
      steps: stepsOf(plan.name),
      oneWay: parts.oneWay?.get(plan.name) ?? [],
      road: parts.road?.get(plan.name) ?? [],
    })),
    removed: parts.removed ?? [],
    diagnostics: [...(parts.diagnostics ?? []), ...compiled.diagnostics],
    ...(live && { live }),
    ...(saved !== undefined && { saved }),
  }
}
