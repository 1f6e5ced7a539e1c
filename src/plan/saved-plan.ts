import type { Diagnostic } from '../diagnostic.ts'
import { canonical, digestOf } from './canonical.ts'
import { PHASES, type Phase } from './plan.ts'
import type { DoneStep } from './step-state.ts'

/**
 * `kvmig plan --out FILE`: what was decided, and everything it was decided on, as digests. Holds names and hashes, never a value or an
 * address. `apply FILE` does exactly this or, if anything has changed since, nothing.
 */
export interface SavedPlan {
  /** The version of kvmig that wrote it. */
  readonly version: string
  /** Makes two plans different although they say the same, since each can be used once. Chosen by the caller. */
  readonly nonce: string
  readonly phase: Phase
  readonly environment?: string
  /** The plans that were asked for; empty: all. */
  readonly plans: readonly string[]
  /** `planHash` of the project. */
  readonly project: string
  /** SHA-256 of each file that the project was read from, by path inside the project. */
  readonly files: Readonly<Record<string, string>>
  /** `targetDigest` of the target when this was planned. */
  readonly target: string
  readonly steps: readonly SavedStep[]
}

/** A step that was to be done. */
export interface SavedStep {
  readonly id: string
  readonly fingerprint: string
}

/** What a saved plan is held against when it is applied. */
export type PlanBasis = Pick<SavedPlan, 'version' | 'project' | 'files' | 'target' | 'steps'>

const FORMAT = 1

/** The text of the file. Ends in a digest of what stands before it. */
export function savePlan(saved: SavedPlan): string {
  const { version, nonce, phase, environment, plans, project, files, target, steps } = saved
  const plan = {
    version,
    nonce,
    phase,
    ...(environment !== undefined && { environment }),
    plans,
    project,
    files,
    target,
    steps,
  }
  return `${JSON.stringify({ kvmig: 'plan', format: FORMAT, ...plan, digest: savedPlanDigest(saved) }, null, 2)}\n`
}

/** Identifies a saved plan, so that it can be used once. */
export const savedPlanDigest = (saved: SavedPlan): string => digestOf({ format: FORMAT, saved })

/**
 * Reads what `savePlan` wrote. A file that is something else, of another format or edited by hand is refused. (The digest guards against
 * accidents; a plan file is as trustworthy as the place it was kept in.)
 */
export function readSavedPlan(
  text: string,
  file: string,
): { readonly saved: SavedPlan; readonly digest: string } | { readonly diagnostics: readonly Diagnostic[] } {
  const refuse = (code: 'KV150' | 'KV151' | 'KV152', message: string) => ({
    diagnostics: [
      {
        severity: 'error' as const,
        code,
        message,
        hint: 'Run "kvmig plan --out FILE" again.',
        at: { file, line: 1, column: 1 },
      },
    ],
  })
  const content = parse(text)
  if (content?.kvmig !== 'plan') return refuse('KV150', 'This is not a saved plan.')
  if (content.format !== FORMAT) {
    return refuse(
      'KV151',
      `This plan was saved in format ${Number(content.format)}; this version reads format ${FORMAT}.`,
    )
  }
  const { kvmig, format, digest, ...saved } = content
  if (!isSavedPlan(saved)) return refuse('KV150', 'This saved plan is incomplete.')
  if (digest !== savedPlanDigest(saved)) return refuse('KV152', 'This saved plan was edited.')
  return { saved, digest }
}

/** The state of the target as far as a plan depends on it: which steps are done, and as what. */
export const targetDigest = (done: ReadonlyMap<string, Pick<DoneStep, 'fingerprint' | 'state'>>): string =>
  digestOf(new Map([...done].flatMap(([id, it]) => (it.state === 'done' ? [[id, it.fingerprint]] : []))))

/** Why a saved plan does not fit any more; empty if it does. */
export function staleness(saved: SavedPlan, now: PlanBasis): readonly string[] {
  const reasons = [
    saved.version !== now.version && `It was saved by kvmig ${saved.version}; this is ${now.version}.`,
    ...fileChanges(saved.files, now.files),
    saved.project !== now.project &&
      canonical(saved.files) === canonical(now.files) &&
      'The project reads differently than it did, although its files are the same.',
    saved.target !== now.target && 'Steps were applied to the target, or taken back, since it was saved.',
    canonical(saved.steps) !== canonical(now.steps) &&
      'The steps that are left to do are not the ones it lists.',
  ]
  return reasons.filter((it) => it !== false)
}

function fileChanges(saved: SavedPlan['files'], now: SavedPlan['files']): readonly string[] {
  return [...new Set([...Object.keys(saved), ...Object.keys(now)])].sort().flatMap((file) => {
    if (!Object.hasOwn(now, file)) return [`${file} is gone.`]
    if (!Object.hasOwn(saved, file)) return [`${file} is new.`]
    return saved[file] === now[file] ? [] : [`${file} has changed.`]
  })
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const content: unknown = JSON.parse(text)
    return isRecord(content) ? content : undefined
  } catch {
    return undefined
  }
}

function isSavedPlan(
  it: Readonly<Record<string, unknown>>,
): it is Readonly<Record<string, unknown>> & SavedPlan {
  return (
    [it.version, it.nonce, it.project, it.target].every(isText) &&
    (it.environment === undefined || isText(it.environment)) &&
    PHASES.some((phase) => phase === it.phase) &&
    Array.isArray(it.plans) &&
    it.plans.every(isText) &&
    isRecord(it.files) &&
    Object.values(it.files).every(isText) &&
    Array.isArray(it.steps) &&
    it.steps.every((step) => isRecord(step) && isText(step.id) && isText(step.fingerprint))
  )
}

const isText = (it: unknown): it is string => typeof it === 'string'
const isRecord = (it: unknown): it is Readonly<Record<string, unknown>> =>
  typeof it === 'object' && it !== null && !Array.isArray(it)
