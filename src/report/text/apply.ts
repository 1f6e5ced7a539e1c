import { printableSentence } from '../../printable.ts'
import { type Cell, columns, line, type Paint, type Painter, painted, right, whole } from '../layout.ts'
import type { AppliedStep, ApplyReport, GateResult } from '../report.ts'
import { counted, countsText, duration, listed, number } from '../wording.ts'
import { accountLines } from './account.ts'
import { gateLines, openGates } from './findings.ts'
import { blocks, section } from './section.ts'

/** What was done, what the gates said, which rows there are now, and where every key went. */
export function applyLines(report: ApplyReport, painter: Painter): string[] {
  const { steps, gates, accounts, quarantine, look } = report
  return blocks(
    stepLines(steps, painter),
    heldLines(report, painter),
    openGates(gates, painter),
    ...gates.filter(({ status }) => status === 'closed').map((gate) => gateLines(toMend(gate), painter)),
    skippedGates(gates, painter),
    section(
      'Rows',
      columns(
        shownTables(report).map(({ table, rows, counts }) => [
          table,
          right(rows === undefined ? 'not there' : number(rows)),
          whole(countsText(counts)),
        ]),
        painter,
      ),
      painter,
    ),
    ...accounts.map((it) => section(`Keys of ${it.source}`, accountLines(it, painter), painter)),
    section(
      'Quarantine',
      columns(
        quarantine.map(({ plan, mapping, code, open, accepted, sample }) => [
          right(`${number(open)} open`, open > 0 ? 'bad' : 'dim'),
          right(accepted > 0 ? `${number(accepted)} accepted` : ''),
          code,
          plan === mapping ? plan : `${plan} ${mapping}`,
          sample === undefined ? '' : `e.g. ${sample}`,
        ]),
        painter,
      ),
      painter,
    ),
    section(
      'Look at the rows',
      look.map((it) => `  ${printableSentence(it)}`),
      painter,
    ),
  )
}

// After a run that came to no end, tables that nothing was copied into are no news.
const shownTables = ({ tables, outcome }: ApplyReport): ApplyReport['tables'] =>
  outcome === 'done' || outcome === 'closed'
    ? tables
    : tables.filter(({ rows }) => rows !== undefined && rows > 0)

// What passed is counted in the gate's line; `kvmig check` has all of it.
const toMend = (gate: GateResult): GateResult => ({
  ...gate,
  findings: gate.findings.filter(({ status }) => status !== 'pass'),
})

const heldLines = ({ held = [] }: ApplyReport, painter: Painter): string[] =>
  held.flatMap(({ plan, by, at, because }) => [
    line(
      `‖ ${plan === by ? plan : `${plan} needs ${by}, which`} is paused since ${at}: ${printableSentence(because)}`,
      painter.warn,
    ),
    line(`► kvmig resume ${by} lets it go on`, painter.dim, 4),
  ])

function skippedGates(gates: readonly GateResult[], painter: Painter): string[] {
  const skipped = gates.filter(({ status }) => status === 'skipped')
  if (skipped.length === 0) return []
  const names = listed(skipped.map(({ plan }) => plan))
  return [
    line(
      `– gate ${skipped[0]!.opens} not asked for ${names}: not everything before it is done`,
      painter.warn,
    ),
  ]
}

/** More steps than this are told plan by plan. What failed is told one by one. */
const MOST_LINES = 20

function stepLines(steps: readonly AppliedStep[], painter: Painter): string[] {
  const kept = steps.filter(({ status }) => status === 'kept').length
  // Gates have lines of their own.
  const work = steps.filter(
    ({ status, change }) => status !== 'kept' && (status === 'paused' || !change.verb.startsWith('gate')),
  )
  const done = work.filter(({ status }) => status === 'done')
  const left = work.filter(({ status }) => status === 'skipped' || status === 'stopped')
  const shown = work.filter(
    (it) =>
      (done.length <= MOST_LINES || it.status !== 'done') &&
      (left.length <= MOST_LINES || !left.includes(it)),
  )
  const rows = columns(shown.map(stepRow), painter)
  return [
    ...(done.length > MOST_LINES ? columns(planRows(done), painter) : []),
    ...shown.flatMap(({ error, status }, index) => [
      rows[index]!,
      ...(error ? [line(error.message, status === 'paused' ? painter.warn : painter.bad, 10)] : []),
      ...(error?.hint ? [line(`► ${error.hint}`, painter.dim, 10)] : []),
    ]),
    ...(left.length > MOST_LINES
      ? [line(`– ${counted(left.length, 'step was', 'steps were')} not begun`, painter.warn, 2)]
      : []),
    ...(kept > 0 ? [line(`= ${counted(kept, 'step was', 'steps were')} done before`, painter.dim, 2)] : []),
  ]
}

function planRows(steps: readonly AppliedStep[]): Cell[][] {
  const plans = [...new Set(steps.map(({ plan }) => plan))]
  return plans.map((plan) => {
    const own = steps.filter((it) => it.plan === plan)
    const counts: Record<string, number> = {}
    for (const it of own) {
      for (const [name, value] of Object.entries(it.counts)) counts[name] = (counts[name] ?? 0) + value
    }
    const { keys: _, ...records } = counts
    return [
      painted('✓ done', 'good'),
      plan ?? 'shared',
      right(counted(own.length, 'step')),
      whole(countsText(records)),
    ]
  })
}

function stepRow({ change, status, counts, note, because, millis, plan }: AppliedStep): Cell[] {
  const [symbol, word, paint] = STATUSES[status]
  const why = because && because.length > 0 ? ` because of ${listed(because)}` : ''
  const did = [countsText(counts), note].filter(Boolean).join('; ')
  return [
    painted(`${symbol} ${word}`, paint),
    plan ?? '',
    `${change.symbol} ${change.verb}`,
    change.subject,
    right(millis === undefined ? '' : duration(millis), 'dim'),
    whole(why ? why.trim() : did),
  ]
}

const STATUSES: { readonly [S in AppliedStep['status']]: readonly [string, string, Paint] } = {
  done: ['✓', 'done', 'good'],
  kept: ['=', 'kept', 'dim'],
  failed: ['✗', 'failed', 'bad'],
  skipped: ['–', 'skipped', 'warn'],
  stopped: ['–', 'stopped', 'warn'],
  paused: ['‖', 'paused', 'warn'],
}
