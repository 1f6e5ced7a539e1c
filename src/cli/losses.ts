import { countOwned } from '../executors/owned.ts'
import { type BackfillStep, type Step, tableOf } from '../plan/step.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { columns, PLAIN, whole } from '../report/layout.ts'
import type { Loss } from '../report/report.ts'
import { counted, listed } from '../report/wording.ts'
import type { Session } from '../runner/session.ts'
import type { StepRecord } from '../state/ledger.ts'
import { countRows } from '../target/count-rows.ts'

/** What taking these steps back takes away, table by table, as the target has it now. */
export async function lossesOf(
  session: Pick<Session, 'target'>,
  records: readonly StepRecord[],
): Promise<readonly Loss[]> {
  const tables = new Map<string, { name: TableName; own: StepRecord[] }>()
  const others: Loss[] = []
  for (const record of records) {
    const step = record.definition as Step
    const name = tableOf(step)
    if (name) {
      const known = tables.get(showTable(name)) ?? { name, own: [] }
      known.own.push(record)
      tables.set(showTable(name), known)
    } else if (step.kind === 'schema')
      others.push({
        subject: `schema ${step.schema}`,
        loss: 'dropped, if nothing else is in it',
        steps: [record.id],
      })
  }
  const names = [...tables.values()].map((it) => it.name)
  const rows = await countRows(session.target, names)
  const found: Loss[] = []
  for (const [subject, { own, name }] of tables) {
    const there = rows.get(showTable(name))
    const loss =
      there === undefined ? 'is not there any more, or may not be read' : await lossOf(session, own, there)
    found.push({ subject, loss, steps: own.map((it) => it.id) })
  }
  return [...found, ...others]
}

/** The same as lines for a person who is asked. */
export const showLosses = (losses: readonly Loss[]): string =>
  columns(
    losses.map(({ subject, loss }) => [`- ${subject}`, whole(loss)]),
    PLAIN,
  ).join('\n')

async function lossOf(
  { target }: Pick<Session, 'target'>,
  records: readonly StepRecord[],
  there: number,
): Promise<string> {
  const steps = records.map((it) => it.definition as Step)
  const made = steps.some((it) => it.kind === 'table' && it.table.owner === 'plan')
  const copies = records.filter((it) => it.kind === 'backfill')
  // Without origins the table holds nothing but copied rows.
  const isAll = made || copies.some((it) => !it.definition.tracked)
  let rows = isAll ? there : 0
  let overwritten = 0
  if (!isAll) {
    for (const { definition } of copies) {
      const found = await target.transaction((tx) => countOwned(tx, definition as BackfillStep), {
        readOnly: true,
        statementMillis: 0,
      })
      rows += found.own
      overwritten += found.overwritten
    }
  }
  const number = (kind: Step['kind']) => steps.filter((it) => it.kind === kind).length
  const parts = [
    (made || copies.length > 0) && counted(rows, 'row'),
    number('index') > 0 && counted(number('index'), 'index', 'indexes'),
    number('foreign_key') > 0 && counted(number('foreign_key'), 'foreign key'),
  ].filter((it) => it !== false)
  if (made) return `the table goes, with ${listed(parts)}`
  if (parts.length === 0) return 'stays as it is'
  const all = (copies.length > 0 ? rows : 0) + number('index') + number('foreign_key')
  const kept =
    overwritten > 0
      ? `; ${counted(overwritten, 'row')} of the application ${overwritten === 1 ? 'was' : 'were'} overwritten (existing: update) and will stay so: nobody kept what was there before`
      : ''
  return `${listed(parts)} ${all === 1 ? 'goes' : 'go'}; the table stays${kept}`
}
