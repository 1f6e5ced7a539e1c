import { existsSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { EXIT, KvmigError } from '../errors.ts'
import type { Graph } from '../graph/graph.ts'
import { fingerprints, planHash } from '../plan/fingerprint.ts'
import type { Project } from '../plan/plan.ts'
import {
  type PlanBasis,
  readSavedPlan,
  type SavedPlan,
  type SavedStep,
  staleness,
  targetDigest,
} from '../plan/saved-plan.ts'
import type { Step } from '../plan/step.ts'
import type { StepState } from '../plan/step-state.ts'
import type { StepRecord } from '../state/ledger.ts'
import { VERSION } from '../version.ts'
import { readText } from './files.ts'
import type { Io } from './io.ts'
import { PlanMistakes } from './plan-mistakes.ts'
import type { Loaded } from './project.ts'

export interface SavedPlanFile {
  readonly saved: SavedPlan
  readonly digest: string
  /** As the user named it. */
  readonly file: string
}

/** The saved plan that was named instead of plans, if one was: a single word that is no plan's name and is a file. */
export function findSavedPlan(
  { plans, env }: { readonly plans: readonly string[]; readonly env?: string | undefined },
  project: Project,
  { cwd }: Pick<Io, 'cwd'>,
): SavedPlanFile | undefined {
  const [file, ...others] = plans
  if (file === undefined || others.length > 0 || project.plans.some((it) => it.name === file))
    return undefined
  const path = resolve(cwd, file)
  if (!existsSync(path) || !statSync(path).isFile()) return undefined
  const read = readSavedPlan(readText(path), relative(cwd, path))
  if ('diagnostics' in read) throw new PlanMistakes(read.diagnostics)
  const { saved, digest } = read
  if (env !== undefined && env !== saved.environment) {
    throw new KvmigError(
      'PLAN_ENVIRONMENT',
      `${file} was planned for ${saved.environment ? `the environment ${saved.environment}` : 'no environment'}, not for ${env}.`,
    )
  }
  return { saved, digest, file }
}

export interface Basis {
  readonly loaded: Pick<Loaded, 'project' | 'files'>
  readonly graph: Graph<Step>
  readonly states: ReadonlyMap<string, StepState>
  readonly records: ReadonlyMap<string, StepRecord>
}

/** Throws PLAN_STALE (exit 6) with every reason why the saved plan is not what would happen now. */
export function requireFresh({ saved, file }: SavedPlanFile, basis: Basis): void {
  const reasons = staleness(saved, basisOf(basis))
  if (reasons.length === 0) return
  throw new KvmigError('PLAN_STALE', `${file} does not fit any more: ${reasons.join(' ')}`, {
    hint: 'Make a new one with kvmig plan --live --out FILE, and look at what has changed.',
    exitCode: EXIT.stalePlan,
  })
}

/** What a plan is made on, and what it is held against later. */
export function basisOf({ loaded: { project, files }, graph, states, records }: Basis): PlanBasis {
  const known = fingerprints(graph)
  return {
    version: VERSION,
    project: planHash(project),
    files,
    target: targetDigest(records),
    steps: graph.vertices
      .filter(({ id }) => states.get(id)?.state !== 'done')
      .map(({ id }): SavedStep => ({ id, fingerprint: known.get(id)! })),
  }
}
