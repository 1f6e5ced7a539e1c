import { clockOffsets, isBeyond } from '../checks/clock-offsets.ts'
import { SOURCE_WITHIN } from '../checks/clocks.ts'
import type { Survey, TableSurvey } from '../checks/survey.ts'
import { SourceError } from '../errors.ts'
import type { Compilation } from '../plan/compile.ts'
import { parseDuration } from '../plan/duration.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import type { TableStep } from '../plan/step.ts'
import type { StepState } from '../plan/step-state.ts'
import { showTable } from '../plan/table.ts'
import type { LiveSection, LiveSource } from '../report/report.ts'
import type { Session } from '../runner/session.ts'
import { forecastStorage, measureStorage, type StorageForecast, tariffOf } from '../runner/storage.ts'
import { Surveys } from '../runner/surveys.ts'
import { drift } from '../target/drift.ts'
import { inspectExtensions, wayToExtension } from '../target/extensions.ts'
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
  const further = await forecastFurther(session, surveys)
  const storage = await storageOf(session, {
    tables: surveys.flatMap((it) => [...it.plans.values()]).flatMap((it) => it.tables),
    compiled,
    standing,
    bytes: meter.bytes,
  })
  return {
    target: session.target.place,
    extensions: await findExtensions(session, compiled),
    sources: surveys.map((it) => liveSource(it, plans, session)),
    drift: await findDrift(session, compiled, standing),
    clocks: await findClocks(session, plans, io),
    forecast: {
      rows: rows.reduce((sum, it) => sum + it.expected, 0),
      bytes: meter.bytes,
      commands,
      ...(further === undefined ? {} : { further }),
      ...(budget === undefined ? {} : { budget }),
      ...(storage ? { storage } : {}),
      ...(perMonth === undefined ? {} : { month: { budget: perMonth, used: await session.spent() } }),
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

/** What one more look at everything will ask; undefined where nobody counts it. */
async function forecastFurther(session: Session, surveys: readonly Survey[]): Promise<number | undefined> {
  const { commands: perRun, perMonth } = session.project.budget
  const isLimited = perRun !== undefined || perMonth !== undefined
  const counted = surveys.filter(({ source }) => isLimited || session.bills(source))
  if (counted.length === 0) return undefined
  const asked = await Promise.all(
    counted.map(async ({ source }) => (await session.source(source)).commands()),
  )
  return asked.reduce((sum, it) => sum + it, 0) || undefined
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

/** What a row takes beside its values: the header, alignment, and its places in the primary key and an index. */
const ROW_BYTES = 60
const INDEX_ENTRY_BYTES = 40

async function storageOf(
  { target, ledger, project }: Session,
  {
    tables,
    compiled: { graph },
    standing: { states },
    bytes,
  }: Pick<LiveRequest, 'compiled' | 'standing'> & {
    readonly tables: readonly TableSurvey[]
    readonly bytes: number
  },
): Promise<StorageForecast | undefined> {
  const size = await measureStorage(target)
  if (!size) return undefined
  const { PLAN_CATALOG } = await import('../catalog.ts')
  const rows = tables.reduce((sum, it) => sum + it.expected, 0)
  const valueBytes = rows === 0 ? 0 : bytes / rows
  const steps = graph.vertices.map((it) => it.data)
  const pending = steps.flatMap((it) =>
    it.kind === 'backfill' && states.get(it.id)!.state !== 'done' ? [it.table] : [],
  )
  const adds = [...new Map(pending.map((it) => [showTable(it.name), it]))].map(([name, { indexes }]) => {
    const expected = tables.filter((it) => it.table === name).reduce((sum, it) => sum + it.expected, 0)
    return expected * (valueBytes + ROW_BYTES + (indexes.length + 1) * INDEX_ENTRY_BYTES)
  })
  return forecastStorage({
    size,
    adds: Math.round(adds.reduce((sum, it) => sum + it, 0)),
    tariff: tariffOf(project, target.place.provider, PLAN_CATALOG.tariffs),
    runs: await ledger.runs(1000),
  })
}

/** Whose clock is too far from the target's, of the sources in which something of these plans expires. */
async function findClocks(
  session: Session,
  plans: readonly Plan[],
  { now }: Io,
): Promise<LiveSection['clocks']> {
  const names = plans
    .filter((plan) => mappingsOf(plan).some((it) => session.compiled.mapping(plan.name, it.name).takesExpiry))
    .map((it) => it.source)
  const found: { source: string; aheadMillis: number }[] = []
  for (const name of new Set(names)) {
    // One that may not say what time it is tells at the gate.
    const offsets = await clockOffsets(session.target, await session.source(name), now).catch(
      (error: unknown) => {
        if (error instanceof SourceError) return undefined
        throw error
      },
    )
    if (offsets?.source && isBeyond(offsets.source, parseDuration(SOURCE_WITHIN)!))
      found.push({ source: name, aheadMillis: Math.round(offsets.source.millis) })
  }
  return found
}

/** What becomes of each extension that a step asks for. */
async function findExtensions(
  { target }: Session,
  { graph }: Compilation,
): Promise<LiveSection['extensions']> {
  const asked = new Map<string, string>()
  for (const { data } of graph.vertices) {
    if (data.kind === 'extension')
      asked.set(
        data.extension,
        data.optional ? 'It is done without.' : 'The plan cannot be applied without it.',
      )
    if (data.kind === 'partitions' && data.with && !asked.has(data.with))
      asked.set(data.with, 'The table stays a plain one, in one piece.')
    if (data.kind === 'sweep' && !asked.has('pg_cron'))
      asked.set('pg_cron', 'Call kvmig sweep from a scheduler of yours instead.')
  }
  if (asked.size === 0) return []
  const states = await target.transaction((tx) => inspectExtensions(tx, [...asked.keys()]), {
    readOnly: true,
  })
  return [...asked].sort().map(([name, without]) => {
    const state = states.get(name)!
    const says =
      state === 'missing'
        ? `This server does not have it. ${without} ${wayToExtension(name, target.place.provider)}`
        : state === 'available'
          ? 'The server has it, and apply creates it where the role may.'
          : 'It is there.'
    return { name, state, says }
  })
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
