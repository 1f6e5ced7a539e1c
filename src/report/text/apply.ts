import { type Cell, columns, line, type Paint, type Painter, painted, right, whole } from '../layout.ts'
import { printableSentence } from '../printable.ts'
import type { AppliedStep, ApplyReport } from '../report.ts'
import { counted, countsText, duration, listed, number } from '../wording.ts'
import { accountLines } from './account.ts'
import { gateLines } from './findings.ts'
import { blocks, section } from './section.ts'

/** What was done, what the gates said, which rows there are now, and where every key went. */
export function applyLines(report: ApplyReport, painter: Painter): string[] {
  const { steps, gates, tables, accounts, quarantine, look } = report
  return blocks(
    stepLines(steps, painter),
    ...gates.map((gate) => gateLines(gate, painter)),
    section(
      'Rows',
      columns(
        tables.map(({ table, rows, counts }) => [table, right(number(rows)), whole(countsText(counts))]),
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

function stepLines(steps: readonly AppliedStep[], painter: Painter): string[] {
  const kept = steps.filter(({ status }) => status === 'kept').length
  const shown = steps.filter(({ status }) => status !== 'kept')
  const rows = columns(shown.map(stepRow), painter)
  return [
    ...shown.flatMap(({ error }, index) => [
      rows[index]!,
      ...(error ? [line(error.message, painter.bad, 10)] : []),
      ...(error?.hint ? [line(`► ${error.hint}`, painter.dim, 10)] : []),
    ]),
    ...(kept > 0 ? [line(`= ${counted(kept, 'step was', 'steps were')} done before`, painter.dim, 2)] : []),
  ]
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
}
