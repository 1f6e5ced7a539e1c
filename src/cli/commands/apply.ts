import { type Diagnostic, formatDiagnostic } from '../../diagnostic.ts'
import { EXIT, KvmigError } from '../../errors.ts'
import type { Compilation } from '../../plan/compile.ts'
import { fingerprints } from '../../plan/fingerprint.ts'
import type { Phase } from '../../plan/plan.ts'
import { showTable, type TableName } from '../../plan/table.ts'
import { listed } from '../../report/wording.ts'
import { type Applied, apply } from '../../runner/apply.ts'
import { holdPaused, pausedError } from '../../runner/paused.ts'
import { runStart } from '../../runner/run-start.ts'
import type { Session } from '../../runner/session.ts'
import type { Route } from '../../state/ledger.ts'
import { countRows } from '../../target/count-rows.ts'
import type { CommonOptions } from '../args.ts'
import { compileProject } from '../compile.ts'
import { confirm } from '../confirm.ts'
import { describeFailure } from '../failure.ts'
import { goneTables, requireTablesThere } from '../gone-tables.ts'
import type { Io } from '../io.ts'
import { lookCommands } from '../look.ts'
import { lossesOf, showLosses } from '../losses.ts'
import { printReport } from '../print-report.ts'
import { createProgress } from '../progress.ts'
import { type Loaded, loadProject } from '../project.ts'
import { countQuarantine } from '../quarantine.ts'
import { createApplyReport } from '../reports/apply-report.ts'
import { gateExit } from '../reports/gate-result.ts'
import { findSavedPlan, requireFresh, type SavedPlanFile } from '../saved.ts'
import { withSession } from '../session.ts'
import { pendingOf, type Standing } from '../standing.ts'

export interface ApplyOptions extends CommonOptions {
  /** Names of plans, or one saved plan. */
  readonly plans: readonly string[]
  readonly phase: Phase
  readonly again?: boolean | undefined
  readonly rate?: number | undefined
  readonly batch?: number | undefined
  /** Phase B: how many instances of the application there are. */
  readonly expect?: number | undefined
  /** Phase B: the source's credential was changed, so that instances without kvmig/runtime cannot write. */
  readonly credentialRotated?: boolean | undefined
  /** Seconds to wait for instances. */
  readonly wait?: number | undefined
  /** How many rows of a table may go because the source does not have their records any more. */
  readonly confirmDeletes?: number | undefined
  readonly pointOfNoReturn?: boolean | undefined
  readonly yes?: boolean | undefined
  readonly fast?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Steps under way at one time; source and target each have their own limits besides. */
const SIDE_BY_SIDE = 4

/** Brings plans to phase A: what is pending of it, then the gate. Later phases have a file of their own. */
export async function run(options: ApplyOptions, io: Io): Promise<number> {
  if (options.phase !== 'A') {
    const later = await import('./apply-later.ts')
    return later.run({ ...options, phase: options.phase }, io)
  }
  const loaded = await loadProject(options, io)
  const { project } = loaded
  const saved = findSavedPlan(options, project, io)
  const environment = saved?.saved.environment ?? options.env
  const names = saved?.saved.plans ?? options.plans
  const whole = compileProject(project, names)
  warn([...loaded.diagnostics, ...whole.diagnostics], io)
  return withSession({ project, options: { ...options, env: environment }, io }, async (session) => {
    const { going, held } = await holdPaused(session, names)
    // A saved plan is done as it is or not at all.
    if (held[0] && (saved || going.length === 0)) throw pausedError(held[0].by, held[0].pause)
    const compiled = held.length > 0 ? compileProject(project, going) : whole
    const request = { session, loaded, compiled, saved, environment, options }
    if (!(await mayBegin(request, io))) return EXIT.couldNot
    const applied = await applyWithProgress(request, io)
    const plans = compiled.waves.map((it) => it.plan)
    const { describeStep } = await import('../../catalog.ts')
    const report = createApplyReport({
      project: project.file,
      environment,
      target: session.target.label,
      plans,
      applied,
      held,
      rows: await countRows(session.target, filledTables(compiled)),
      quarantine: await countQuarantine(session, plans),
      look: lookCommands(session, compiled.graph),
      describe: describeStep,
    })
    printReport(report, options.json ? 'json' : 'text', io)
    if (applied.unswept) io.stderr.write(describeFailure(applied.unswept, io).text)
    return exitCodeOf(applied, io) || (held.length > 0 ? EXIT.notYet : EXIT.done)
  })
}

const filledTables = ({ graph }: Compilation): readonly TableName[] =>
  graph.vertices.flatMap(({ data }) => (data.kind === 'backfill' ? [data.table.name] : []))

interface Request {
  readonly session: Session
  readonly loaded: Loaded
  readonly compiled: Compilation
  readonly saved: SavedPlanFile | undefined
  readonly environment: string | undefined
  readonly options: ApplyOptions
}

/** A stale plan is refused; what an edit takes back is asked about, unless it was reviewed in a saved plan. */
async function mayBegin({ session, loaded, compiled, saved, options }: Request, io: Io): Promise<boolean> {
  const standing = await pendingOf(session, compiled, options.again)
  requireTablesThere(await goneTables(session, standing))
  const { records, states, undo, removed } = standing
  await requirePhaseA(session, compiled, states)
  if (saved) {
    requireFresh(saved, { loaded, graph: compiled.graph, states, records })
    return true
  }
  const emptied = undo.filter((it) => it.kind === 'table' || it.kind === 'backfill')
  if (emptied.length === 0) return true
  io.stderr.write(`${showLosses(await lossesOf(session, undo))}\n`)
  const dropped = emptied.filter((it) => removed.includes(it.id))
  const lost =
    dropped.length > 0
      ? ` Not in the plans any more, and not copied again: ${listed([...new Set(dropped.map((it) => showTable(it.definition.table.name)))])}.`
      : ''
  return confirm(
    `The plans were edited since they were applied. What is listed is taken back, and what the plans still name is made and copied again.${lost} Go on?`,
    options.yes,
    io,
  )
}

/** A copy asks nobody whether he is writing: once instances write both stores, only what claims its records may write rows. */
async function requirePhaseA(
  { ledger }: Session,
  { graph }: Compilation,
  states: Standing['states'],
): Promise<void> {
  const routes = (await ledger.installed()) ? await ledger.routes() : new Map<string, Route>()
  for (const { id, data } of graph.vertices) {
    const route = data.plan === undefined ? undefined : routes.get(data.plan)
    if (!route || route.phase === 'A' || data.kind === 'gate' || states.get(id)!.state === 'done') continue
    throw new KvmigError(
      'PHASE_PAST',
      `Plan ${data.plan} is in phase ${route.phase}, and ${id} would have to be done again.`,
      {
        hint: `In phase ${route.phase} kvmig reconcile keeps both stores alike. To apply an edited plan, go back first: kvmig rollback --to=A ${data.plan}.`,
      },
    )
  }
}

async function applyWithProgress(
  { session, loaded, compiled, saved, options }: Request,
  io: Io,
): Promise<Applied> {
  const { EXECUTORS, CHECKS, describeStep } = await import('../../catalog.ts')
  const { graph, waves } = compiled
  const plans = waves.map((it) => it.plan)
  const names = plans.map((it) => it.name)
  const known = fingerprints(graph)
  const progress = await createProgress({
    io,
    quiet: options.quiet,
    plans: names,
    shared: graph.vertices.some(({ data }) => data.plan === undefined),
    describe: describeStep,
  })
  let applied: Applied | undefined
  try {
    applied = await apply({
      session,
      graph,
      phase: options.phase,
      plans,
      executors: EXECUTORS,
      checks: CHECKS,
      fingerprint: (step) => known.get(step.id)!,
      run: runStart(
        { command: 'apply --phase=A', phase: 'A', plans: names, project: loaded.project },
        io.env,
      ),
      limit: SIDE_BY_SIDE,
      batchRows: options.batch,
      again: options.again,
      confirmDeletes: options.confirmDeletes,
      saved: saved?.digest,
      listener: progress.listener,
    })
    return applied
  } finally {
    await progress.finish(applied?.steps)
  }
}

/** What stopped the run decides; a gate that only waits for time or people says "not yet". */
function exitCodeOf({ outcome, steps, findings, unswept }: Applied, io: Io): number {
  if (outcome === 'done') return unswept?.exitCode ?? EXIT.done
  if (outcome === 'paused') return EXIT.notYet
  if (outcome === 'interrupted') return describeFailure(io.signal.reason, io).exitCode
  if (outcome === 'failed') {
    const error = steps.find((it) => it.status === 'failed')?.error
    return error instanceof KvmigError ? error.exitCode : EXIT.couldNot
  }
  return gateExit([...findings.values()].flat())
}

function warn(diagnostics: readonly Diagnostic[], { stderr }: Io): void {
  for (const it of diagnostics) stderr.write(`${formatDiagnostic(it)}\n`)
}
