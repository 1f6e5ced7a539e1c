import type { Counts } from '../executors/executor.ts'
import { type Step, tableOf } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { columns, PLAIN, whole } from '../report/layout.ts'
import { counted, listed } from '../report/wording.ts'
import type { StepRecord } from '../state/ledger.ts'

/** What taking these steps back takes away, table by table. */
export function showLosses(records: readonly StepRecord[]): string {
  const tables = new Map<string, StepRecord[]>()
  const others: string[][] = []
  for (const record of records) {
    const step = record.definition as Step
    const table = tableOf(step)
    if (table) tables.set(showTable(table), [...(tables.get(showTable(table)) ?? []), record])
    else if (step.kind === 'schema')
      others.push([`- schema ${step.schema}`, 'dropped, if nothing else is in it'])
  }
  const rows = [...tables].map(([table, own]) => [`- ${table}`, losses(own)])
  return columns(
    [...rows, ...others].map(([name, loss]) => [name!, whole(loss!)]),
    PLAIN,
  ).join('\n')
}

function losses(records: readonly StepRecord[]): string {
  const steps = records.map((it) => it.definition as Step)
  const made = steps.some((it) => it.kind === 'table' && it.table.owner === 'plan')
  const rows = records.reduce(
    (sum, it) => sum + copied((it.definition as Step).kind, it.outcome?.counts ?? {}),
    0,
  )
  const parts = [
    steps.some((it) => it.kind === 'backfill') && `${counted(rows, 'copied row')}`,
    some(steps, 'index', 'index', 'indexes'),
    some(steps, 'foreign_key', 'foreign key'),
  ].filter((it) => it !== false)
  if (made) return parts.length > 0 ? `the table goes, with ${listed(parts)}` : 'the table goes'
  return parts.length > 0 ? `${listed(parts)} go; the table stays` : 'stays as it is'
}

const copied = (kind: Step['kind'], { inserted = 0 }: Counts): number => (kind === 'backfill' ? inserted : 0)

function some(steps: readonly Step[], kind: Step['kind'], one: string, many?: string): string | false {
  const found = steps.filter((it) => it.kind === kind).length
  return found > 0 && counted(found, one, many)
}
