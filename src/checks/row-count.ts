import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { surveyTables } from './plan-survey.ts'

export const rowCount: Check = {
  name: 'row_count',
  code: 'KV303',
  summary: 'Each table has as many rows as the source gives.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const tables = await surveyTables(scope)
    const wrong = tables.filter((it) => it.expected !== it.actual)
    const facts = {
      measured:
        tables.length === 0
          ? `Plan ${scope.plan.name} fills no table.`
          : `${listed(tables.map((it) => `${it.table} ${it.actual.toLocaleString('en-US')} of ${counted(it.expected, 'row')}`))}.`,
      expected: rowCount.summary,
      samples: wrong.map(
        (it) =>
          `${it.table}: ${counted(it.expected, 'row')} expected, ${it.actual.toLocaleString('en-US')} there`,
      ),
      data: { tables: tables.map(({ table, expected, actual }) => ({ table, expected, actual })) },
    }
    if (tables.some((it) => !it.compared)) {
      return unknown(rowCount, {
        ...facts,
        measured: 'The tables were not looked at.',
        hint: 'Ask with access to the target: kvmig check.',
      })
    }
    return wrong.length === 0
      ? pass(rowCount, facts)
      : fail(rowCount, {
          ...facts,
          hint: 'The check full names the keys. Where the source changed since the copy: kvmig apply --phase=A --again copies what is new; rows whose key is gone leave with the catch-up of phase B (in a plan that stays in A with this), or with kvmig rollback and a new apply.',
        })
  },
}
