import { setTimeout as sleep } from 'node:timers/promises'
import type { Difference } from '../../checks/differences.ts'
import type { Differences, Survey, TableSurvey } from '../../checks/survey.ts'
import type { Plan } from '../../plan/plan.ts'
import { printable } from '../../printable.ts'
import { pendingOf } from '../../state/outbox.ts'
import { unitOf } from '../../state/touches.ts'
import type { Session } from '../session.ts'
import { Surveys, type SurveysOptions } from '../surveys.ts'
import { SETTLE_MILLIS } from './compare-live.ts'
import { placeOf } from './suspects.ts'

/**
 * Surveys of plans while the application writes both stores: what differs is looked at again a moment later, and counts only if it differs
 * both times and no change of it is on its way. `onDifference` hears of exactly what counts.
 */
export async function liveSurveys(
  session: Session,
  plans: readonly Plan[],
  options: SurveysOptions,
): Promise<readonly Survey[]> {
  const pass = async () => {
    const differences: Difference[] = []
    const surveys = await new Surveys(session, plans, {
      ...options,
      onDifference: (it) => differences.push({ ...it, key: it.key && Buffer.from(it.key) }),
    }).all()
    return { differences, surveys }
  }
  const first = await pass()
  if (first.differences.length === 0) return first.surveys
  await sleep(SETTLE_MILLIS, undefined, { signal: options.signal })
  const second = await pass()
  const before = new Set(first.differences.map(nameOf))
  const still = second.differences.filter((it) => before.has(nameOf(it)))
  const waiting = await onTheirWay(session, plans, still)
  const kept = still.filter((it) => !waiting.has(nameOf(it)))
  for (const it of kept) options.onDifference?.(it)
  return second.surveys.map((survey) => ({
    ...survey,
    plans: new Map(
      [...survey.plans].map(([name, plan]) => [
        name,
        {
          ...plan,
          tables: plan.tables.map((it) =>
            counted(
              it,
              kept.filter(({ table }) => table === it.table),
            ),
          ),
        },
      ]),
    ),
  }))
}

const SAMPLES = 10

/** The table with the differences that count; what turned out to agree is alike. */
function counted(table: TableSurvey, kept: readonly Difference[]): TableSurvey {
  const of = (kind: Difference['kind']): Differences => {
    const own = kept.filter((it) => it.kind === kind)
    return {
      count: own.length,
      samples: own.slice(0, SAMPLES).map(({ key, part }) => sampleOf(table.table, key, part)),
    }
  }
  const [missing, different, extra] = [of('missing'), of('different'), of('extra')]
  const matching = Math.max(0, table.expected - missing.count - different.count)
  return { ...table, matching, missing, different, extra }
}

const sampleOf = (table: string, key: Buffer | undefined, part: string): string =>
  key ? `${printable(key)}${part === '' ? '' : ` ${part}`}` : `a row of ${table} of unknown origin`

const nameOf = ({ table, kind, key, part, row }: Difference): string =>
  [table, kind, part, key?.toString('latin1') ?? '', key ? '' : row?.toString('latin1')].join('\0')

async function onTheirWay(
  { target }: Session,
  plans: readonly Plan[],
  differences: readonly Difference[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const plan of plans) {
    const own = differences.flatMap((it) =>
      it.key && it.writer?.plan === plan.name
        ? [{ name: nameOf(it), place: placeOf(plan, it.writer.mapping, it.key, it.part) }]
        : [],
    )
    if (own.length === 0) continue
    const pending = await target.transaction(
      (tx) =>
        pendingOf(
          tx,
          plan.name,
          own.map((it) => it.place),
        ),
      {
        readOnly: true,
      },
    )
    const units = new Set(pending.map((it) => unitOf(it).toString('latin1')))
    for (const { name, place } of own) if (units.has(unitOf(place).toString('latin1'))) found.add(name)
  }
  return found
}
