import { CHECKS, EXECUTORS, PLAN_CATALOG, SESSION_PARTS } from '../../src/catalog.ts'
import { formatDiagnostic } from '../../src/diagnostic.ts'
import { compile } from '../../src/plan/compile.ts'
import { fingerprints } from '../../src/plan/fingerprint.ts'
import { loadProject } from '../../src/plan/load.ts'
import { filesIn } from '../../src/plan/project-files.ts'
import { type Applied, apply } from '../../src/runner/apply.ts'
import type { Listener } from '../../src/runner/events.ts'
import { planRollback, rollback } from '../../src/runner/rollback.ts'
import { Session } from '../../src/runner/session.ts'
import type { RunStart } from '../../src/state/ledger.ts'

export interface Harness {
  readonly session: Session
  apply(options?: { again?: boolean; listener?: Listener; plans?: readonly string[] }): Promise<Applied>
  rollback(plans?: readonly string[]): Promise<readonly string[]>
  close(): Promise<void>
}

/** A project folder, opened on stores: what the command line does, without a process. */
export async function openProject(root: string, variables: Readonly<Record<string, string>>, batchRows = 300): Promise<Harness> {
  const { project, diagnostics } = await loadProject({ file: 'migrations.yaml', root, files: filesIn(root), catalog: PLAN_CATALOG })
  if (!project) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  const session = await Session.open({ project, parts: SESSION_PARTS, variables, signal: new AbortController().signal })
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
  return {
    session,
    apply: async ({ again, listener = () => {}, plans = [] } = {}) => {
      const { graph, waves } = compile(project, { plans })
      const prints = fingerprints(graph)
      return apply({
        session,
        graph,
        phase: 'A',
        plans: waves.map((it) => it.plan),
        executors: EXECUTORS,
        checks: CHECKS,
        fingerprint: (step) => prints.get(step.id)!,
        run: run('apply'),
        limit: 4,
        again,
        listener,
        batchRows,
      })
    },
    rollback: async (plans = project.plans.map((it) => it.name)) =>
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
