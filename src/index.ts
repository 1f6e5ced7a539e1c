import { basename, dirname, resolve } from 'node:path'
import { CHECKS, EXECUTORS, PLAN_CATALOG, SESSION_PARTS } from './catalog.ts'
import type { Diagnostic } from './diagnostic.ts'
import { KvmigError } from './errors.ts'
import { compile } from './plan/compile.ts'
import { fingerprints } from './plan/fingerprint.ts'
import { loadProject as load } from './plan/load.ts'
import type { Project } from './plan/plan.ts'
import { filesIn } from './plan/project-files.ts'
import { type Applied, apply as applyGraph } from './runner/apply.ts'
import type { Listener } from './runner/events.ts'
import { holdPaused, pausedError } from './runner/paused.ts'
import { runStart } from './runner/run-start.ts'
import { Session } from './runner/session.ts'
import { VERSION } from './version.ts'

/** The library's door: what the command line does, for programs. */

/** Reads a project file with its plans; everything that is wrong comes back at once, and there is a project unless something is an error. */
export async function loadProject(
  file: string,
): Promise<{ readonly project?: Project; readonly diagnostics: readonly Diagnostic[] }> {
  const root = resolve(dirname(file))
  return load({ file: basename(file), root, files: filesIn(root), catalog: PLAN_CATALOG })
}

export interface ApplyOptions {
  /** Names of plans; what they need comes along. Default: all. */
  readonly plans?: readonly string[]
  /** Environment variables that addresses may name. Default: those of the process. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** A name of the project's environments. */
  readonly environment?: string
  /** Stops the run: what is under way is finished or rolled back, and the lease is freed. */
  readonly signal?: AbortSignal
  /** Copy again what was copied. */
  readonly again?: boolean
  readonly listener?: Listener
}

/**
 * Brings plans to phase A: opens the stores, does every pending step, asks gate B, closes the stores. Throws KvmigError; plans that do not
 * compile throw PLAN_REFUSED with the first of their diagnostics.
 */
export async function apply(project: Project, options: ApplyOptions = {}): Promise<Applied> {
  const { graph, waves, diagnostics } = compile(project, { plans: options.plans ?? [] })
  const refused = diagnostics.find((it) => it.severity === 'error')
  if (refused)
    throw new KvmigError(
      'PLAN_REFUSED',
      `${refused.code}  ${refused.message}`,
      refused.hint === undefined ? {} : { hint: refused.hint },
    )
  const plans = waves.map((it) => it.plan)
  const names = plans.map((it) => it.name)
  const known = fingerprints(graph)
  const variables = options.variables ?? process.env
  const session = await Session.open({
    project,
    parts: SESSION_PARTS,
    variables,
    environment: options.environment,
    signal: options.signal ?? new AbortController().signal,
  })
  try {
    const { held } = await holdPaused(session, names)
    if (held[0]) throw pausedError(held[0].by, held[0].pause)
    return await applyGraph({
      session,
      graph,
      phase: 'A',
      plans,
      executors: EXECUTORS,
      checks: CHECKS,
      fingerprint: (step) => known.get(step.id)!,
      run: runStart({ command: 'apply', phase: 'A', plans: names, project }, variables),
      limit: 4,
      again: options.again,
      listener: options.listener ?? (() => {}),
    })
  } finally {
    await session.close()
  }
}

export type { Finding, Status } from './checks/check.ts'
export type { Diagnostic, Position } from './diagnostic.ts'
export { formatDiagnostic } from './diagnostic.ts'
export { EXIT, KvmigError, SourceError, TargetError } from './errors.ts'
export type { Graph, Vertex } from './graph/graph.ts'
export type { Compilation, CompileOptions } from './plan/compile.ts'
export type { Mapping, Phase, Plan, Project } from './plan/plan.ts'
export type { Step } from './plan/step.ts'
export type { TableDefinition } from './plan/table.ts'
export type { Applied, AppliedStep } from './runner/apply.ts'
export type { Listener, RunEvent } from './runner/events.ts'
export type { Entry, Source, SourceAdapter } from './sources/source.ts'
export { compile, VERSION }
