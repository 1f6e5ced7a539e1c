import { parsePercentage } from '../plan/duration.ts'
import { object, percentage } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { countDifferences, differenceSamples, surveyTables } from './plan-survey.ts'
import type { TableSurvey } from './survey.ts'

interface Options {
  readonly drift?: string
}

export const full: Check<Options> = {
  name: 'full',
  code: 'KV304',
  mandatory: true,
  summary: 'Every row is there with the value that the source gives, and none that it does not give.',
  options: object(
    {
      drift: {
        ...percentage,
        description:
          'Share of the rows of a table that may differ because the application goes on writing; phase B catches up with them. Default 0 %.',
      },
    },
    { title: 'a map with drift' },
  ),
  run: async (scope, options) => {
    const drift = parsePercentage(options.drift ?? '0%') ?? 0
    const tables = await surveyTables(scope)
    const differing = tables.filter((it) => countDifferences(it) > 0)
    const beyond = differing.filter((it) => countDifferences(it) > drift * Math.max(it.expected, it.actual))
    const facts = {
      measured:
        tables.length === 0
          ? `Plan ${scope.plan.name} fills no table.`
          : `${listed(tables.map(showTableSurvey))}.`,
      expected: options.drift
        ? `${full.summary.slice(0, -1)}, but for ${options.drift} of each table.`
        : full.summary,
      samples: differing.flatMap(({ table, missing, different, extra }) =>
        differenceSamples(table, { missing, different, extra }),
      ),
      data: {
        drift,
        tables: tables.map(({ table, expected, matching, missing, different, extra }) => ({
          table,
          expected,
          matching,
          missing: missing.count,
          different: different.count,
          extra: extra.count,
        })),
      },
    }
    if (tables.some((it) => !it.compared)) {
      return unknown(full, {
        ...facts,
        measured: 'The rows were not compared.',
        hint: 'Ask with access to the target: kvmig check.',
      })
    }
    if (beyond.length > 0) {
      return fail(full, {
        ...facts,
        hint: 'kvmig diff lists every difference, kvmig trace KEY explains one. Where the source changed since the copy, only kvmig apply --phase=A --again helps: it copies what is new or different; rows whose key is gone leave with the catch-up of phase B (in a plan that stays in A with this), or with kvmig rollback and a new apply.',
      })
    }
    if (differing.length === 0) return pass(full, facts)
    return pass(full, {
      ...facts,
      measured: `${facts.measured} That is within the drift of ${options.drift}; the catch-up of phase B takes these over.`,
    })
  },
}

function showTableSurvey(survey: TableSurvey): string {
  const { table, expected, matching } = survey
  const differences = (['missing', 'different', 'extra'] as const)
    .filter((kind) => survey[kind].count > 0)
    .map((kind) => `${survey[kind].count.toLocaleString('en-US')} ${kind}`)
  const those = differences.length === 0 ? '' : ` (${differences.join(', ')})`
  return `${table} ${matching.toLocaleString('en-US')} of ${counted(expected, 'row')} alike${those}`
}
