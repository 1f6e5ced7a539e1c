import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass } from './finding.ts'
import { surveyPlan } from './plan-survey.ts'

export const unmapped: Check = {
  name: 'unmapped',
  code: 'KV302',
  mandatory: true,
  summary: 'No field of any record, and no expiry, is dropped without the plan saying so.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const survey = await surveyPlan(scope)
    const dropped = survey.mappings.flatMap(({ mapping, unmapped }) =>
      unmapped.map((it) => ({ mapping, ...it })),
    )
    const records = survey.mappings.reduce((sum, it) => sum + it.records, 0)
    const fields = dropped.filter((it) => it.field !== EXPIRY && it.field !== FIELD_EXPIRY)
    const expiring = dropped.filter((it) => it.field === EXPIRY)
    const fieldsExpiring = dropped.filter((it) => it.field === FIELD_EXPIRY)
    const found = [
      ...(fields.length > 0 ? [`${counted(fields.length, 'field')} that no column takes`] : []),
      ...(expiring.length > 0
        ? [`expiries that no column takes in ${counted(expiring.length, 'mapping')}`]
        : []),
      ...(fieldsExpiring.length > 0
        ? [`expiries of fields that no column takes in ${counted(fieldsExpiring.length, 'mapping')}`]
        : []),
    ]
    const facts = {
      measured: `${counted(records, 'record')} of ${counted(survey.mappings.length, 'mapping')}: ${found.length === 0 ? 'every field has a column' : listed(found)}.`,
      expected: unmapped.summary,
      samples: dropped.map(
        (it) => `${it.mapping}: ${it.field} (${counted(it.records, 'record')}, such as ${it.sample})`,
      ),
      data: { unmapped: dropped.map(({ mapping, field, records }) => ({ mapping, field, records })) },
    }
    if (found.length === 0) return pass(unmapped, facts)
    const names = [...new Set(dropped.map((it) => it.field))]
    const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ')
    const columns = [
      ...(fields.length > 0 ? ['Give each field a column, or take what is left with rest().'] : []),
      ...(expiring.length > 0 ? ['Give the expiry a column ($expires_at).'] : []),
      ...(fieldsExpiring.length > 0
        ? ['Give the expiry of each field a column ($field_expires_at, with each: field).']
        : []),
    ]
    const advice = [...columns, `Or drop them by name: unmapped: { drop: [${shown}], because: … }.`]
    return fail(unmapped, { ...facts, hint: advice.join(' ') })
  },
}

const EXPIRY = '$expires_at'
const FIELD_EXPIRY = '$field_expires_at'
