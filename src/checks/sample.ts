import { parsePercentage } from '../plan/duration.ts'
import { object, percentage } from '../plan/schema-parts.ts'
import type { Check, Finding, Scope } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { countDifferences, differenceSamples, requireTables, surveyTables } from './plan-survey.ts'
import { chanceToMiss } from './sample-records.ts'

interface Options {
  readonly of?: string
}

/** Bad records whose chance to stay unseen is told. */
const BAD = [1, 10, 28]

export const sample: Check<Options> = {
  name: 'sample',
  code: 'KV305',
  summary: 'A share of the records, always the same ones, gives the rows that are there, value by value.',
  options: object(
    { of: { ...percentage, description: 'Share of the records that are compared. Default 10 %.' } },
    { title: 'a map with of' },
  ),
  run: async (scope, { of = '10%' }) => {
    const share = parsePercentage(of) ?? 0
    if (!scope.sample) return judgeAll(scope, of)

    await requireTables(scope)
    const { records, sampled, missing, different } = await scope.sample(share)
    const chances = BAD.filter((bad) => bad <= records).map((bad) => ({
      bad,
      chance: chanceToMiss({ records, sampled, bad }),
    }))
    const told = chances.map(({ bad, chance }) => `${bad}: ${showChance(chance)}`).join(', ')
    const facts = {
      measured: `${counted(sampled, 'record')} of ${records.toLocaleString('en-US')} compared (${of}): ${missing.count.toLocaleString('en-US')} missing, ${different.count.toLocaleString('en-US')} different.${told === '' ? '' : ` The chance that such a sample misses so many bad records is ${told}.`}`,
      expected: sample.summary,
      samples: differenceSamples(scope.plan.name, { missing, different }),
      data: { share, records, sampled, missing: missing.count, different: different.count, chances },
    }
    if (missing.count + different.count > 0) return fail(sample, { ...facts, hint: HINT })
    return sampled === 0
      ? unknown(sample, {
          ...facts,
          hint: 'The share is too small for so few records: raise of, or rely on the check full.',
        })
      : pass(sample, facts)
  },
}

const HINT = 'kvmig diff lists every difference, not only those of the sample.'

// Every gate compares all rows anyway: a share of them can only be as right as they all are.
async function judgeAll(scope: Scope, of: string): Promise<Finding> {
  const tables = await surveyTables(scope)
  const rows = tables.reduce((sum, it) => sum + it.expected, 0)
  const differences = tables.reduce((sum, it) => sum + countDifferences(it), 0)
  const facts = {
    measured: `Instead of ${of}, all ${counted(rows, 'row')} of plan ${scope.plan.name} were compared, so that none could be missed: ${counted(differences, 'difference')}.`,
    expected: sample.summary,
    samples: tables.flatMap(({ table, missing, different, extra }) =>
      differenceSamples(table, { missing, different, extra }),
    ),
    data: { share: 1, rows, differences },
  }
  if (tables.some((it) => !it.compared)) {
    return unknown(sample, {
      ...facts,
      measured: 'The rows were not compared.',
      hint: 'Ask with access to the target: kvmig check.',
    })
  }
  return differences === 0 ? pass(sample, facts) : fail(sample, { ...facts, hint: HINT })
}

const showChance = (chance: number): string =>
  chance === 0
    ? '0 %'
    : chance < 0.001
      ? 'under 0.1 %'
      : `${(chance * 100).toLocaleString('en-US', { maximumSignificantDigits: 2 })} %`
