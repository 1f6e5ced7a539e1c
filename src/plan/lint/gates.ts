import type { LintScope } from './scope.ts'
import { noColumn } from './tables.ts'

/** A check that every gate asks is only weakened with a reason, and columns that checks look at exist. */
export function gates({ plans, catalog, notes }: LintScope): void {
  for (const plan of plans)
    for (const request of [...plan.gates.values()].flat()) {
      const { check, options, because } = request
      const weakened = Object.keys(options).length > 0
      if (catalog.checks.get(check)?.mandatory && weakened && because === undefined)
        notes.error(
          'KV072',
          request.at,
          `The check ${check} is asked at every gate; options weaken it, and that needs a reason.`,
          'Write "because:" beside it.',
        )
      const { column } = options
      const columns = plan.tables.flatMap((it) => it.columns.map(({ name }) => name))
      if (typeof column === 'string' && catalog.checks.has(check) && !columns.includes(column)) {
        const [only] = plan.tables
        const [, hint] = only ? noColumn(only, column) : []
        notes.error(
          'KV043',
          notes.at(request, check, 'column'),
          `No table of this plan has a column "${column}".`,
          hint,
        )
      }
    }
}
