import { CHECKS, EXECUTORS, PLAN_CATALOG, SESSION_PARTS } from '../../src/catalog.ts'
import { formatDiagnostic } from '../../src/diagnostic.ts'
import { compile } from '../../src/plan/compile.ts'
import { fingerprints } from '../../src/plan/fingerprint.ts'
import { loadProject } from '../../src/plan/load.ts'
import { filesIn } from '../../src/plan/project-files.ts'
import { type Applied, apply } from '../../src/runner/apply.ts'
import type { Listener } from '../../src/runner/events.ts'
import { type Retried, retry } from '../../src/runner/retry.ts'
import { planRollback, rollback } from '../../src/runner/rollback.ts'
import { Session, type SessionParts } from '../../src/runner/session.ts'
import type { RunStart } from '../../src/state/ledger.ts'

export interface Harness {
  readonly session: Session
  apply(options?: {
    again?: boolean
    confirmDeletes?: number
    listener?: Listener
    plans?: readonly string[]
  }): Promise<Applied>
  retry(plans?: readonly string[]): Promise<readonly Retried[]>
  rollback(plans?: readonly string[]): Promise<readonly string[]>
  close(): Promise<void>
}

export interface HarnessOptions {
  /** Rows in one transaction. */
  readonly batchRows?: number
  readonly openSource?: SessionParts['openSource']
  readonly signal?: AbortSignal
  readonly leaseMillis?: number
}

/** A project folder, opened on stores: what the command line does, without a process. */
export async function openProject(
  root: string,
  variables: Readonly<Record<string, string>>,
  { batchRows = 300, openSource, signal = new AbortController().signal, leaseMillis }: HarnessOptions = {},
): Promise<Harness> {
  const { project, diagnostics } = await loadProject({
    file: 'migrations.yaml',
    root,
    files: filesIn(root),
    catalog: PLAN_CATALOG,
  })
  if (!project) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  const parts = { ...SESSION_PARTS, ...(openSource ? { openSource } : {}) }
  const session = await Session.open({ project, parts, variables, signal, leaseMillis })
  const run = (command: string): RunStart => ({
    command,
    phase: 'A',
    plans: [],
    planHash: '',
    who: 'test',
    host: 'here',
    commit: undefined,
    version: '0',
  })
  const compiled = (plans: readonly string[]) => {
    const { graph, waves, diagnostics: found } = compile(project, { plans })
    if (graph.vertices.length === 0) throw new Error(found.map(formatDiagnostic).join('\n'))
    const known = fingerprints(graph)
    return {
      graph,
      plans: waves.map((it) => it.plan),
      fingerprint: (step: { id: string }) => known.get(step.id)!,
    }
  }
  const all = project.plans.map((it) => it.name)
  return {
    session,
    apply: async ({ again, confirmDeletes, listener = () => {}, plans = [] } = {}) =>
      apply({
        ...compiled(plans),
        session,
        phase: 'A',
        executors: EXECUTORS,
        checks: CHECKS,
        run: run('apply'),
        limit: 4,
        again,
        confirmDeletes,
        listener,
        batchRows,
      }),
    retry: async (plans = all) =>
      retry({
        ...compiled(plans),
        session,
        plans,
        executors: EXECUTORS,
        run: run('retry'),
        listener: () => {},
      }),
    rollback: async (plans = all) =>
      rollback({
        session,
        what: await planRollback(session, plans),
        executors: EXECUTORS,
        run: run('rollback'),
        listener: () => {},
      }),
    close: () => session.close(),
  }
}
