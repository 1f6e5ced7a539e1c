import { didYouMean } from '../../diagnostic.ts'
import type { LintScope } from './scope.ts'

/** The index that a query is said to use exists, and its arguments are as many as the SQL asks for. */
export function queries({ plans, tables, notes, complete }: LintScope): void {
  const indexes = new Set(
    tables.flatMap(({ name: { table }, indexes, unique }) => [
      ...indexes.map((it) => it.name),
      `${table}_pkey`,
      ...unique.map((it) => [table, ...it, 'key'].join('_')),
    ]),
  )
  for (const query of plans.flatMap((it) => it.queries)) {
    if (query.uses !== undefined && !indexes.has(query.uses) && complete) {
      const meant = didYouMean(query.uses, indexes)
      const hint = meant ? `Did you mean "${meant}"?` : 'Declare it under "indexes:" of its table.'
      notes.error('KV051', notes.at(query, 'uses'), `There is no index "${query.uses}".`, hint)
    }
    const asked = Math.max(0, ...Array.from(query.sql.matchAll(/\$(\d{1,4})\b/g), (it) => Number(it[1])))
    if (asked !== query.args.length)
      notes.error(
        'KV032',
        query.at,
        `The query asks for ${asked} arguments and is given ${query.args.length}.`,
      )
  }
}
