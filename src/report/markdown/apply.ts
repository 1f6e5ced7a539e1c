import type { AppliedStep, ApplyReport } from '../report.ts'
import { counted, countsText, duration, number } from '../wording.ts'
import { accountTable } from './account.ts'
import { gateSection } from './check.ts'
import type { Section } from './section.ts'
import { code, paragraphs, prose, table } from './syntax.ts'

/** What was done: what failed and what the gates said first, then rows, keys and quarantine, then every step. */
export function applySections({
  steps,
  gates,
  tables,
  accounts,
  quarantine,
  look,
}: ApplyReport): readonly Section[] {
  return [
    { title: 'Failed steps', open: true, body: steps.flatMap(failure).join('\n') },
    ...gates.map(gateSection),
    {
      title: 'Rows',
      open: true,
      body: table(
        ['table', '>rows', ''],
        tables.map((it) => [
          code(it.table),
          it.rows === undefined ? 'not there' : number(it.rows),
          prose(countsText(it.counts)),
        ]),
      ),
    },
    ...accounts.map((it) => ({ title: `Keys of ${it.source}`, open: true, body: accountTable(it) })),
    {
      title: 'Quarantine',
      open: true,
      body: table(
        ['>open', '>accepted', 'reason', 'plan', 'mapping', 'for example'],
        quarantine.map((it) => [
          number(it.open),
          number(it.accepted),
          prose(it.code),
          prose(it.plan),
          prose(it.mapping),
          code(it.sample ?? ''),
        ]),
      ),
    },
    { title: counted(steps.length, 'step'), body: table(['', 'step', '', '>time'], steps.map(stepRow)) },
    { title: 'Look at the rows', body: paragraphs(...look.map(code)) },
  ]
}

const failure = ({ id, error }: AppliedStep): readonly string[] =>
  error ? [`- ❌ ${code(id)}: ${prose(error.hint ? `${error.message} ${error.hint}` : error.message)}`] : []

const stepRow = ({ id, status, counts, note, because = [], millis }: AppliedStep): string[] => [
  status,
  code(id),
  because.length > 0
    ? `because of ${because.map(code).join(', ')}`
    : prose([countsText(counts), note].filter(Boolean).join('; ')),
  millis === undefined ? '' : duration(millis),
]
