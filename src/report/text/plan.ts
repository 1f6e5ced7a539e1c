import { type Cell, columns, line, type Paint, type Painter, painted, right, whole } from '../layout.ts'
import type { Forecast, LiveSection, LiveSource, PlannedPlan, PlannedStep, PlanReport } from '../report.ts'
import { bytes, counted, duration, listed, number } from '../wording.ts'
import { accountLines } from './account.ts'
import { diagnosticLines } from './diagnostics.ts'
import { blocks, section } from './section.ts'

/** What would be done, plan by plan, phase by phase, with the gates between. */
export function planLines(report: PlanReport, painter: Painter): string[] {
  const { shared, plans, removed, diagnostics, live } = report
  // One table for all, so that the columns of the plans stand below each other.
  const lines = columns(
    [shared, ...plans.map((it) => it.steps)].flatMap((steps) => steps.map(stepRow)),
    painter,
  )
  const take = (steps: readonly PlannedStep[]) => lines.splice(0, steps.length)
  return blocks(
    diagnosticLines(diagnostics, painter),
    section('Shared', take(shared), painter),
    ...plans.map((plan) =>
      blocks(
        planHead(plan, report, painter),
        take(plan.steps),
        roadLines(plan, painter),
        oneWayLines(plan, painter),
      ),
    ),
    section(
      'Done before, and not in the plans any more: apply takes it back',
      columns(
        removed.map(({ subject, loss }) => [painted(`- ${subject}`, 'bad'), whole(loss, 'bad')]),
        painter,
      ),
      painter,
    ),
    live ? liveLines(live, painter) : [],
    report.saved === undefined
      ? []
      : [line(`Saved in ${report.saved}; it can be applied once, and only while nothing else changes.`)],
  )
}

function planHead(
  { plan, file, source, wave, neededBy }: PlannedPlan,
  { target }: PlanReport,
  painter: Painter,
): string[] {
  const brought = neededBy.length > 0 ? `, needed by ${listed(neededBy)}` : ''
  return columns(
    [[whole(file, 'strong'), plan, `${source} ► ${target}`, painted(`wave ${wave}${brought}`, 'dim')]],
    painter,
    0,
  )
}

function stepRow(
  { phase, kind, change, state, because }: PlannedStep,
  index: number,
  all: readonly PlannedStep[],
): Cell[] {
  const { symbol, verb, subject, detail } = change
  if (kind === 'gate') return ['──', painted(`${verb} ${subject}`, 'strong'), whole(detail)]
  const before = all[index - 1]
  const begins = !before || before.phase !== phase || before.kind === 'gate'
  const [word, paint] = STATES[state]
  const left = because === undefined ? word : `${word} because of ${because}`
  const sign = state === 'done' ? '=' : symbol
  return [begins ? phase : '', painted(`${sign} ${verb}`, paint), subject, detail, whole(left, paint)]
}

const STATES: { readonly [S in PlannedStep['state']]: readonly [string, Paint | undefined] } = {
  pending: ['', undefined],
  unfinished: ['begun before, goes on', 'warn'],
  done: ['done', 'dim'],
  changed: ['changed since it was applied', 'warn'],
  again: ['again', 'warn'],
}

/** Where every mapping goes all the way, and back, there is nothing to say. */
export const isOpen = ({ road }: PlannedPlan): boolean => road.every((it) => it.to === 'D' && it.back)

/** `A`, `A and B`, `A to D`, `A to D and back`. */
export const farOf = ({ to, back }: PlannedPlan['road'][number]): string =>
  ({ A: 'A', B: 'A and B', D: back ? 'A to D and back' : 'A to D' })[to]

/** What to do about it. */
export function roadHint({ road }: PlannedPlan): string {
  const parts = [
    road.some((it) => it.to === 'A') &&
      'What stays in A keeps no other waiting in a plan file of its own: kvmig explain DUAL_WRITE.',
    road.some((it) => it.to === 'B') &&
      'Keep the source’s form in a column of its own, or accept that it is lost: kvmig explain ONE_WAY.',
  ]
  return parts.filter(Boolean).join(' ')
}

const roadLines = (plan: PlannedPlan, painter: Painter): string[] =>
  isOpen(plan)
    ? []
    : section(
        '  How far each mapping goes',
        [
          ...columns(
            plan.road.map((it) => [
              it.match,
              painted(farOf(it), it.to === 'D' ? undefined : 'warn'),
              whole(it.why),
            ]),
            painter,
            4,
          ),
          ...(roadHint(plan) === '' ? [] : [line(`► ${roadHint(plan)}`, undefined, 4)]),
        ],
        painter,
      )

const oneWayLines = ({ oneWay }: PlannedPlan, painter: Painter): string[] =>
  section(
    '  One-way fields: phase C needs them accepted, or kept in their source form',
    columns(
      oneWay.map(({ table, column, why }) => [`${table}.${column}`, whole(why)]),
      painter,
      4,
    ),
    painter,
  )

function liveLines(
  { target, extensions, sources, drift, forecast }: LiveSection,
  painter: Painter,
): string[] {
  return blocks(
    section('Target', [line(`${target.title}. ${target.says}`, undefined, 2)], painter),
    section(
      'Extensions',
      columns(
        extensions.map(({ name, state, says }) => [
          painted(`${state === 'missing' ? '✗' : '✓'} ${name}`, state === 'missing' ? 'warn' : undefined),
          whole(says),
        ]),
        painter,
      ),
      painter,
    ),
    ...sources.map((source) => sourceLines(source, painter)),
    section(
      'Drift of the target',
      columns(
        drift.map(({ table, message }) => [painted(`✗ ${table}`, 'bad'), whole(message)]),
        painter,
      ),
      painter,
    ),
    forecast
      ? section(
          'Forecast',
          [forecastText(forecast), ...furtherTexts(forecast), ...storageTexts(forecast)].map((it) =>
            line(it, undefined, 2),
          ),
          painter,
        )
      : [],
  )
}

function sourceLines(live: LiveSource, painter: Painter): string[] {
  const { source, coverage, uncovered, mappings } = live
  const name = (it: { plan: string; mapping: string }) =>
    it.plan === it.mapping ? it.plan : `${it.plan} ${it.mapping}`
  return blocks(
    section(`Keys of ${source}`, accountLines(live, painter), painter),
    section(
      'Coverage',
      columns(
        coverage.map((it) => [right(number(it.keys)), it.match, it.fate, it.plan ?? 'project']),
        painter,
      ),
      painter,
    ),
    section(
      'Uncovered: map these, or list them under ignore, index or ephemeral',
      columns(
        uncovered.map(({ pattern, keys, sample }) => [right(number(keys), 'bad'), pattern, `e.g. ${sample}`]),
        painter,
      ),
      painter,
    ),
    section(
      'Records',
      columns(
        mappings.map((it) => [
          name(it),
          right(counted(it.keys, 'key')),
          right(counted(it.records, 'record')),
          it.filtered > 0 ? `${number(it.filtered)} left out by where` : '',
        ]),
        painter,
      ),
      painter,
    ),
    section(
      'Rejects to expect',
      columns(
        mappings.flatMap((it) =>
          it.rejects.map(({ code, column, records, sample }) => [
            right(number(records), 'warn'),
            code,
            [name(it), ...(column === undefined ? [] : [column])].join('.'),
            `e.g. ${sample}`,
          ]),
        ),
        painter,
      ),
      painter,
    ),
    section(
      'Fields that no column takes: map them, or name them under unmapped',
      columns(
        mappings.flatMap((it) =>
          it.unmapped.map(({ field, records, sample }) => [
            right(number(records), 'warn'),
            field,
            name(it),
            `e.g. ${sample}`,
          ]),
        ),
        painter,
      ),
      painter,
    ),
  )
}

/** What is asked after that; nothing where nobody counts it. */
export const furtherTexts = ({ further }: Forecast): readonly string[] =>
  further === undefined
    ? []
    : [
        `about ${counted(further, 'command')} more for each check, diff or reconcile, twice that going into B; and again where something differs`,
      ]

/** `about 1,000 rows, 1.2 MB, 14 commands of 200,000, 3 s`. */
export function forecastText({ rows, bytes: size, commands, budget, month, seconds }: Forecast): string {
  const parts = [
    counted(rows, 'row'),
    bytes(size),
    `${counted(commands, 'command')}${budget === undefined ? '' : ` of ${number(budget)}`}`,
    seconds !== undefined && duration(seconds * 1000),
  ].filter((it) => it !== false)
  const left = month && month.budget - month.used
  const ofMonth = month
    ? `; ${number(Math.max(0, left!))} of ${number(month.budget)} commands are left this month`
    : ''
  const isOver = commands > (budget ?? commands) || commands > (left ?? commands)
  return `about ${parts.join(', ')}${ofMonth}${isOver ? ' – more than the budget allows' : ''}`
}

/** `storage 12 MB now, about 40 MB after the copy, of 500 MB (Neon Free)`, and how long that lasts: a sentence each. */
export function storageTexts({ storage }: Forecast): readonly string[] {
  if (!storage) return []
  const { now, after, tariff, growth, full, monthly } = storage
  const sizes = `storage ${bytes(now)} now${after > now ? `, about ${bytes(after)} after the copy` : ''}`
  const name = tariff?.title ?? 'tariff:'
  const assumed = tariff?.assumed ? '; assumed, tariff: says which it is' : ''
  const quota = tariff?.storage
  const of =
    quota === undefined ? (tariff ? ` (${name}${assumed})` : '') : `, of ${bytes(quota)} (${name}${assumed})`
  const over = quota !== undefined && after > quota && monthly === undefined ? ' – more than there is' : ''
  return [
    `${sizes}${of}${over}`,
    ...(monthly === undefined
      ? []
      : [`about $${monthly.toFixed(2)} a month for storage beyond what is included`]),
    ...growthTexts({ growth, full, quota, over: over !== '' }),
  ]
}

function growthTexts({
  growth,
  full,
  quota,
  over,
}: {
  readonly growth: number | undefined
  readonly full: string | undefined
  readonly quota: number | undefined
  readonly over: boolean
}): readonly string[] {
  if (growth === undefined)
    return quota === undefined || over
      ? []
      : ['when it will be full can be told a day after the copy, by its growth']
  if (growth <= 0) return ['it does not grow']
  const pace = `grows by ${bytes(growth)} a day`
  if (quota === undefined || over) return [pace]
  return [full === undefined ? `${pace}: full in more than ten years` : `${pace}: full on about ${full}`]
}
