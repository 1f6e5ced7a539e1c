import type { Survey } from '../checks/survey.ts'
import type { Compilation } from '../plan/compile.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import type { TableStep } from '../plan/step.ts'
import type { StepState } from '../plan/step-state.ts'
import { showTable } from '../plan/table.ts'
import type { LiveSection, LiveSource } from '../report/report.ts'
import type { Session } from '../runner/session.ts'
import { Surveys } from '../runner/surveys.ts'
import { drift } from '../target/drift.ts'
import { inspectTables, type TableFacts } from '../target/inspect.ts'
import { createCounter } from './counter.ts'
import type { Io } from './io.ts'
import type { SourceMeter } from './session.ts'
import type { Standing } from './standing.ts'

export interface LiveRequest {
  readonly session: Session
  readonly meter: SourceMeter
  readonly compiled: Compilation
  readonly standing: Standing
  readonly quiet: boolean | undefined
  readonly io: Io
}

/** What the stores say today: every key's fate, rejects to expect, fields nobody takes, drift, and what the copy would cost. Changes nothing. */
export async function lookLive({
  session,
  meter,
  compiled,
  standing,
  quiet,
  io,
}: LiveRequest): Promise<LiveSection> {
  const plans = compiled.waves.map((it) => it.plan)
  const counter = createCounter({ io, quiet, words: 'Reading the source' })
  const surveys = await new Surveys(session, plans, {
    compare: false,
    signal: session.signal,
    progress: counter.tell,
  })
    .all()
    .finally(counter.finish)
  const rows = surveys.flatMap((it) => [...it.plans.values()]).flatMap((it) => it.tables)
  const { commands: budget, perMonth } = session.project.budget
  const commands = await forecastCommands(session, surveys, compiled, standing)
  return {
    sources: surveys.map((it) => liveSource(it, plans, session)),
    drift: await findDrift(session, compiled, standing),
    forecast: {
      rows: rows.reduce((sum, it) => sum + it.expected, 0),
      bytes: meter.bytes,
      commands,
      ...(budget === undefined ? {} : { budget }),
      ...(perMonth === undefined
        ? {}
        : { month: { budget: perMonth, used: (await session.ledger.spending.now()).commands } }),
    },
  }
}

/**
 * What `apply` will ask the sources: the comparison at the gate reads all that this look has read, and so does the copy, where there is
 * something left to copy.
 */
async function forecastCommands(
  session: Session,
  surveys: readonly Survey[],
  { graph }: Compilation,
  { states }: Standing,
): Promise<number> {
  let sum = 0
  for (const { source: name } of surveys) {
    const isPending = graph.vertices.some(
      ({ data }) => data.kind === 'backfill' && data.source === name && states.get(data.id)?.state !== 'done',
    )
    sum += (await session.source(name)).commands() * (isPending ? 2 : 1)
  }
  return sum
}

function liveSource(survey: Survey, plans: readonly Plan[], { project }: Session): LiveSource {
  const own = plans.filter((it) => it.source === survey.source)
  return {
    source: survey.source,
    keys: survey.keys,
    fates: survey.fates,
    uncovered: survey.uncovered,
    coverage: [
      ...own.flatMap((plan) => planCoverage(plan, survey)),
      ...skipCoverage(undefined, project.skips, rest(survey)),
    ],
    mappings: own.flatMap((plan) =>
      survey.plans.get(plan.name)!.mappings.map((it) => ({ ...it, plan: plan.name })),
    ),
  }
}

// Mappings that share their keys are one line. A survey counts skips by fate, so those of one fate share a line too.
function planCoverage(plan: Plan, survey: Survey): LiveSource['coverage'] {
  const found = survey.plans.get(plan.name)!
  const keys = new Map(found.mappings.map((it) => [it.mapping, it.keys]))
  const groups = new Map<string, number>()
  for (const { match, type, name } of mappingsOf(plan)) {
    const group = `${match.source}${type === undefined ? '' : ` (${type})`}`
    groups.set(group, Math.max(groups.get(group) ?? 0, keys.get(name) ?? 0))
  }
  return [
    ...[...groups].map(([match, count]) => ({
      plan: plan.name,
      match,
      fate: 'migrated' as const,
      keys: count,
    })),
    ...skipCoverage(
      plan.name,
      plan.rules.filter((it) => it.kind === 'skip'),
      found.fates,
    ),
  ]
}

function skipCoverage(
  plan: string | undefined,
  skips: Session['project']['skips'],
  fates: Survey['fates'],
): LiveSource['coverage'] {
  return (['index', 'ephemeral', 'ignored'] as const).flatMap((fate) => {
    const matches = skips.filter((it) => it.fate === fate).map((it) => it.match.source)
    if (matches.length === 0) return []
    return [
      {
        ...(plan === undefined ? {} : { plan }),
        match: [...new Set(matches)].join(', '),
        fate,
        keys: fates[fate],
      },
    ]
  })
}

// What no plan has is what the project's own rules have.
function rest({ fates, plans }: Survey): Survey['fates'] {
  const left = { ...fates }
  for (const plan of plans.values()) {
    left.index -= plan.fates.index
    left.ephemeral -= plan.fates.ephemeral
    left.ignored -= plan.fates.ignored
  }
  return left
}

async function findDrift(
  { target }: Session,
  { graph }: Compilation,
  { states, records }: Standing,
): Promise<LiveSection['drift']> {
  const steps = graph.vertices.flatMap(({ data }) => (data.kind === 'table' ? [data] : []))
  const facts = await target.transaction(
    (tx) =>
      inspectTables(
        tx,
        steps.map((it) => it.table.name),
      ),
    { readOnly: true },
  )
  return steps.flatMap((step) => {
    const { schema, table } = step.table.name
    const found = facts.get(`${schema}.${table}`)
    const state = records.has(step.id) ? states.get(step.id)!.state : 'not made'
    return differences(step, state, found).map((message) => ({ table: showTable(step.table.name), message }))
  })
}

// A table of kvmig's that was edited or not finished is made again: how it looks now does not matter.
function differences(
  { table }: TableStep,
  state: StepState['state'] | 'not made',
  found: TableFacts | undefined,
): readonly string[] {
  if (table.owner === 'plan' && state === 'not made') {
    return found ? ['it is there already, and kvmig did not make it'] : []
  }
  if (table.owner === 'plan' && state !== 'done') return []
  return found ? drift(table, found) : ['it is not there']
}
