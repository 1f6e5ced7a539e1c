import { hasColumn, type LintScope } from './scope.ts'
import { noColumn } from './tables.ts'

/** Tables and columns that examples expect rows of exist. Whether the rows are right is for running them to tell. */
export function examples(scope: LintScope): void {
  const { plans, notes } = scope
  for (const plan of plans)
    for (const example of plan.examples) {
      for (const table of example.rows.keys())
        if (!plan.rules.some((it) => it.kind === 'mapping' && it.into.table === table))
          notes.error(
            'KV042',
            notes.keyAt(example, 'rows', table),
            `No mapping of this plan fills a table "${table}".`,
          )
      for (const [table, rows] of example.rows) {
        const definition = plan.tables.find((it) => it.name.table === table)
        if (!definition) continue
        rows.forEach((row, index) => {
          for (const column of row.keys())
            if (!hasColumn(scope, definition, column))
              notes.error(
                'KV043',
                notes.keyAt(example, 'rows', table, index, column),
                ...noColumn(definition, column),
              )
        })
      }
    }
}
