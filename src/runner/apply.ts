import type { Check, Finding } from '../checks/check.ts'
import { EXIT, KvmigError } from '../errors.ts'
import { settleContests } from '../executors/contests.ts'
import type { Context, Counts, Outcome } from '../executors/executor.ts'
import { failpoint } from '../failpoint.ts'
import { createGraph, type Graph, type Vertex } from '../graph/graph.ts'
import { ancestors, subgraph } from '../graph/reach.ts'
import { type Visit, type Walk, walk } from '../graph/walk.ts'
import { mappingsOf, type Phase, type Plan } from '../plan/plan.ts'
import type { Step } from '../plan/step.ts'
import { type Standing, type StepState, standing } from '../plan/step-state.ts'
import { showTable } from '../plan/table.ts'
import type { RunStart, StepRecord } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import { countsOf, stepRecord } from './context.ts'
import { blown } from './converge/fuse.ts'
import type { Listener } from './events.ts'
import { askGates } from './gates.ts'
import { isPause, PauseWatch } from './paused.ts'
import { staysInA } from './phases/dual-write.ts'
import { inRun, type RunOptions } from './run.ts'
import type { Session } from './session.ts'
import { sweepGone } from './sweep-gone.ts'
import { type Executors, prepare } from './take-back.ts'

export interface ApplyOptions {
  readonly session: Session
  readonly graph: Graph<Step>
  readonly phase: Phase
  readonly plans: readonly Plan[]
  readonly executors: Executors
  readonly checks: ReadonlyMap<string, Check>
  readonly fingerprint: (step: Step) => string
  readonly run: RunStart
  /** Steps under way at one time, at most. */
  readonly limit: number
  readonly again?: boolean | undefined
  /** How many rows of a table may go because the source does not have their records any more; otherwise the fuse says. */
  readonly confirmDeletes?: number | undefined
  /** Digest of a saved plan: it can be used once. */
  readonly saved?: string | undefined
  readonly listener: Listener
  /** Rows in one transaction. */
  readonly batchRows?: number | undefined
}

/** What a run did. */
export interface Applied {
  /** `paused`: a plan was paused meanwhile, and what is left of it was not begun, or not finished. */
  readonly outcome: 'done' | 'closed' | 'failed' | 'paused' | 'interrupted'
  readonly steps: readonly AppliedStep[]
  readonly undone: readonly string[]
  readonly findings: ReadonlyMap<string, readonly Finding[]>
  /** FUSE: rows without a record are there, more than go unasked. All else was done, and the gates were asked. */
  readonly unswept?: KvmigError
  readonly commands: number
  readonly millis: number
}

export interface AppliedStep {
  readonly step: Step
  readonly before: StepState['state']
  readonly status: 'done' | 'was done' | 'opened' | 'closed' | 'failed' | 'paused' | 'skipped'
  readonly counts: Counts
  readonly millis: number
  readonly note?: string
  readonly error?: Error
  readonly because?: readonly string[]
}

/**
 * Brings plans to a phase: takes back what was edited since, does every pending step in the order of the graph, asks the gates. Takes the
 * lease for as long as it runs; everything it does may be killed and done again.
 */
export async function apply(options: ApplyOptions): Promise<Applied> {
  const { session, plans } = options
  const began = performance.now()
  // A source that is out of reach is told of before anything is made.
  await Promise.all([...new Set(plans.map((it) => it.source))].map((it) => session.source(it)))
  const ask: RunOptions['ask'] =
    ({ signal }) =>
    (gates) =>
      askGates(gates, { session, plans, checks: options.checks, signal })
  const watch = new PauseWatch(session.target)
  try {
    return await inRun(
      { ...options, ask, requireGoing: (names) => watch.require(names) },
      async (context) => {
        await begin(options, context)
        const result = await bringUp(options, context, began)
        return {
          result,
          outcome: result.outcome === 'paused' ? 'interrupted' : result.outcome,
          summary: summary(result),
        }
      },
    )
  } finally {
    watch.close()
  }
}

async function begin(
  { session: { ledger, target }, saved, plans }: ApplyOptions,
  { lease }: Context,
): Promise<void> {
  const routes = await ledger.routes()
  await target.transaction(async (tx) => {
    await lease.fence(tx)
    if (saved && (await ledger.usePlan(tx, saved)) === 'used before') throw usedPlan()
    for (const { name } of plans) if (!routes.has(name)) await ledger.saveRoute(tx, name, 'A')
  })
}

async function bringUp(options: ApplyOptions, context: Context, began: number): Promise<Applied> {
  const { session, graph, plans, executors, listener, again } = options
  const { ledger, project, compiled } = session
  const { signal } = context
  const records = await ledger.steps()
  const names = new Set(plans.map((it) => it.name))
  const now = standing({
    graph,
    records,
    plans: names,
    whole: names.size === project.plans.length,
    tracked: compiled.tracked,
    again,
  })
  const { states, undo } = now
  noteLeftovers(options, records)
  await prepare(now, records, { executors, context })
  for (const { id } of undo) listener({ kind: 'undone', step: id })
  await settleLeftovers(options, context, states)

  const results = new Map<string, { outcome: Outcome; millis: number }>()
  let unswept: KvmigError | undefined
  const isDone = (id: string) => states.get(id)!.state === 'done'
  const visits = await walkThenAsk(graph, {
    limit: options.limit,
    signal,
    together: (step) => (isDone(step.id) ? undefined : executors[step.kind].together?.(step)),
    run: async (batch) => {
      const steps = batch.map((it) => it.data).filter((it) => !isDone(it.id))
      if (steps.length === 0) return new Map()
      return runSteps(steps, { options, context, results })
    },
    afterWork: async () => {
      if (again) unswept = await sweep(options, context, results)
    },
  })

  // Records of a mapping may have lost their rows to those of a later one: the ledger knows.
  const counted = await ledger.steps()
  const countsBy = (id: string, step: Step): Counts =>
    step.kind === 'backfill' && results.has(id)
      ? (counted.get(id)?.outcome?.counts ?? {})
      : countsOf(results.get(id)?.outcome)
  const steps = graph.vertices.map(({ id, data }): AppliedStep => {
    const visit = visits.get(id)!
    const result = results.get(id)
    const common = {
      step: data,
      before: states.get(id)!.state,
      counts: countsBy(id, data),
      millis: result?.millis ?? 0,
      ...(result?.outcome.status === 'done' && result.outcome.note !== undefined
        ? { note: result.outcome.note }
        : {}),
    }
    if (visit.status === 'skipped') {
      listener({ kind: 'skipped', step: data, because: visit.because })
      return { ...common, status: 'skipped', because: visit.because }
    }
    if (visit.status === 'failed')
      return { ...common, status: isPause(visit.error) ? 'paused' : 'failed', error: visit.error }
    if (isDone(id)) return { ...common, status: 'was done' }
    const status = result?.outcome.status ?? 'done'
    return { ...common, status: status === 'failed' ? 'failed' : status }
  })
  const findings = new Map(
    [...results].flatMap(([id, { outcome }]) =>
      'findings' in outcome ? [[id, outcome.findings] as const] : [],
    ),
  )
  return {
    outcome: signal.aborted
      ? 'interrupted'
      : steps.some((it) => it.status === 'failed')
        ? 'failed'
        : steps.some((it) => it.status === 'closed')
          ? 'closed'
          : steps.some((it) => it.status === 'paused')
            ? 'paused'
            : 'done',
    steps,
    undone: undo.map((it) => it.id),
    findings,
    ...(unswept && { unswept }),
    commands: await session.commands(),
    millis: performance.now() - began,
  }
}

/** What a plan did that is not in the project any more stays until somebody says otherwise. */
function noteLeftovers(
  { session: { project }, listener }: ApplyOptions,
  records: ReadonlyMap<string, StepRecord>,
): void {
  const applied = new Set([...records.values()].flatMap((it) => it.plan ?? []))
  for (const { name } of project.plans) applied.delete(name)
  for (const name of [...applied].sort()) {
    const message = `Plan ${name} was applied and is not in the project any more. What it made stays: kvmig rollback ${name} takes it back.`
    listener({ kind: 'note', message })
  }
}

/** A mapping that is gone may have left rows to fight over in tables that no pass of this run goes through. */
async function settleLeftovers(
  { graph, session: { ledger } }: ApplyOptions,
  context: Context,
  states: Standing<StepRecord>['states'],
): Promise<void> {
  for (const name of await ledger.origins.contested()) {
    const copies = graph.vertices.flatMap(({ data }) =>
      data.kind === 'backfill' && showTable(data.table.name) === name ? [data] : [],
    )
    if (copies.length > 0 && copies.every((it) => states.get(it.id)!.state === 'done'))
      await settleContests(copies[0]!.table.name, context)
  }
}

/**
 * In a plan that stays in A no catch-up takes out rows whose records are gone from the source: a new copy does. Gives FUSE where they are
 * more than go unasked.
 */
async function sweep(
  { session, plans, confirmDeletes }: ApplyOptions,
  context: Context,
  results: Running['results'],
): Promise<KvmigError | undefined> {
  const note = (step: string, text: string): void => {
    const result = results.get(step)
    if (result?.outcome.status !== 'done') return
    results.set(step, { ...result, outcome: { ...result.outcome, note: text } })
  }
  // What refers to rows goes before them.
  for (const plan of [...plans].reverse()) {
    if (staysInA(session, plan) === undefined) continue
    // What a backup does not have is rather what the application has written to Postgres since.
    if (session.isBackup(plan.source) && confirmDeletes === undefined) continue
    const { deleted, held } = await sweepGone(session, context, { plan, confirmDeletes })
    for (const [step, count] of deleted) note(step, `${rows(count)} deleted`)
    if (!held) continue
    for (const { name, into } of mappingsOf(plan))
      if (showTable(into) === held.table)
        note(`${plan.name}/A/backfill/${name}`, `${rows(held.extra)} of ${held.table} kept by the fuse`)
    // Rows that stay may refer to those of the plans before.
    return blown(plan.name, held)
  }
  return undefined
}

const rows = (count: number): string => `${count.toLocaleString('en-US')} ${count === 1 ? 'row' : 'rows'}`

interface WalkThenAsk extends Walk<Step> {
  /** Once all work has succeeded, before anything is asked. */
  readonly afterWork: () => Promise<void>
}

// Gates come when all work is over, all of them in one call: then one survey of a source serves every plan, and they all see the same.
async function walkThenAsk(
  graph: Graph<Step>,
  { afterWork, ...options }: WalkThenAsk,
): Promise<ReadonlyMap<string, Visit>> {
  const visits = new Map(
    await walk(
      subgraph(graph, (it) => it.data.kind !== 'gate'),
      options,
    ),
  )
  if (!options.signal?.aborted && [...visits.values()].every((it) => it.status === 'done')) await afterWork()
  const gates = graph.vertices.filter((it) => it.data.kind === 'gate')
  const before = ancestors(graph)
  const asked: Vertex<Step>[] = []
  for (const gate of gates) {
    const missing = [...before.get(gate.id)!]
      .map((id) => visits.get(id)!)
      .filter((it) => it && it.status !== 'done')
    if (missing.length === 0 && !options.signal?.aborted) asked.push(gate)
    else visits.set(gate.id, { status: 'skipped', because: failures(graph, before.get(gate.id)!, visits) })
  }
  for (const [id, visit] of await walk(createGraph(asked.map((it) => ({ ...it, after: [] }))), options))
    visits.set(id, visit)
  return visits
}

const failures = (
  graph: Graph<Step>,
  ids: ReadonlySet<string>,
  visits: ReadonlyMap<string, Visit>,
): string[] =>
  graph.vertices.flatMap(({ id }) => (ids.has(id) && visits.get(id)?.status === 'failed' ? [id] : []))

interface Running {
  readonly options: ApplyOptions
  readonly context: Context
  readonly results: Map<string, { outcome: Outcome; millis: number }>
}

async function runSteps(
  ready: readonly Step[],
  { options, context, results }: Running,
): Promise<ReadonlyMap<string, Error>> {
  const failures = pausedAmong(ready, context)
  const steps = ready.filter((it) => !failures.has(it.id))
  if (steps.length === 0) return failures
  const executor = options.executors[steps[0]!.kind]
  const began = performance.now()
  for (const step of steps) {
    options.listener({ kind: 'started', step })
    await start(step, context)
  }
  failpoint('step.started')
  const work = async () =>
    steps.length > 1 && executor.runTogether
      ? executor.runTogether(steps, context)
      : new Map([[steps[0]!.id, await executor.run(steps[0]!, context)]])
  const outcomes = await work().catch((error: unknown) => {
    // Being stopped is nothing that became of a step.
    if (context.signal.aborted || !(error instanceof Error)) throw error
    return new Map(steps.map((it) => [it.id, { status: 'failed', error } as const]))
  })
  failpoint('step.finished')
  for (const step of steps) {
    const outcome = outcomes.get(step.id)!
    const millis = performance.now() - began
    results.set(step.id, { outcome, millis })
    options.listener({ kind: 'finished', step, outcome, millis })
    if (outcome.status === 'failed') failures.set(step.id, outcome.error)
  }
  return failures
}

/** What is not begun any more, since its plan was paused meanwhile. */
function pausedAmong(steps: readonly Step[], { requireGoing }: Context): Map<string, Error> {
  const paused = new Map<string, Error>()
  for (const { id, plan } of steps) {
    try {
      requireGoing([plan])
    } catch (error) {
      paused.set(id, error as Error)
    }
  }
  return paused
}

// A line in the ledger that says "begun": what a crash leaves behind can be seen in `kvmig status`.
async function start(step: Step, context: Context): Promise<void> {
  if (step.kind === 'gate') return
  await repeatably(() =>
    context.target.transaction(async (tx) => {
      await context.lease.fence(tx)
      await context.ledger.saveStep(tx, stepRecord(step, context.fingerprint(step), context.compiled))
    }),
  )
}

function summary({ steps, undone, commands }: Applied): unknown {
  const count = (status: AppliedStep['status']) => steps.filter((it) => it.status === status).length
  return {
    done: count('done'),
    wasDone: count('was done'),
    failed: count('failed'),
    paused: count('paused'),
    skipped: count('skipped'),
    undone: undone.length,
    commands,
  }
}

const usedPlan = (): KvmigError =>
  new KvmigError('PLAN_USED', 'This saved plan was applied before.', {
    hint: 'Make a new one: kvmig plan --out FILE.',
    exitCode: EXIT.stalePlan,
  })
