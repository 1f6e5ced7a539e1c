import { object, text } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { type Limits, limitProperties } from './limit.ts'
import { judgeNumber } from './number-of.ts'

export const sql: Check<Limits & { readonly query: string }> = {
  name: 'sql',
  code: 'KV333',
  summary:
    'A query of your own gives a number within its limits. It is run in a read-only transaction of the target.',
  options: object(
    {
      query: { ...text('SQL'), description: 'Gives one row; its first column is the number.' },
      ...limitProperties,
    },
    { required: ['query'], title: 'a map with query and above, below or at_least' },
  ),
  run: async ({ target, project }, { query, ...limits }) => {
    const rows = await target.transaction((tx) => tx.query(query), {
      readOnly: true,
      searchPath: [project.targetSchema],
      statementMillis: 30_000,
    })
    const value = rows.length === 1 ? Object.values(rows[0]!)[0] : undefined
    return judgeNumber(sql, value, {
      limits,
      what: 'The query',
      missing: 'It has to give one row, with a number in its first column.',
    })
  },
}
