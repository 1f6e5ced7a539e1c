import { LEFTOVERS } from '../plan/leftovers.ts'
import { type Mapping, mappingsOf } from '../plan/plan.ts'
import { list, object, text } from '../plan/schema-parts.ts'
import { showTable } from '../plan/table.ts'
import type { Check } from './check.ts'
import { counted, listed } from './counted.ts'
import { error, fail, pass } from './finding.ts'
import { surveyPlan } from './plan-survey.ts'
import { FATES, type Fates } from './survey.ts'

interface Options {
  /** Mappings that may find nothing. */
  readonly empty?: readonly string[]
}

export const coverage: Check<Options> = {
  name: 'coverage',
  code: 'KV301',
  mandatory: true,
  summary: 'Every key of the source has a rule, and every mapping of the plan finds keys.',
  options: object(
    {
      empty: { ...list(text('the name of a mapping')), description: 'Mappings that may find no key at all.' },
    },
    { title: 'a map with empty' },
  ),
  run: async (scope, { empty = [] }) => {
    const survey = await scope.survey()
    const { mappings, fates } = await surveyPlan(scope)
    const { uncovered } = survey.fates
    const fallback = new Set(
      mappingsOf(scope.plan)
        .filter(isFallback)
        .map((it) => it.name),
    )
    const idle = mappings.filter(
      (it) => it.keys === 0 && !empty.includes(it.mapping) && !fallback.has(it.mapping),
    )
    const strangers = empty.filter((name) => !mappings.some((it) => it.mapping === name))
    const facts = {
      measured: `${counted(survey.keys, 'key')} in ${survey.source}: ${showFates(survey.fates)}.`,
      expected: coverage.summary,
      samples: [
        ...survey.uncovered.map((it) => `${it.pattern} (${counted(it.keys, 'key')}, such as ${it.sample})`),
        ...idle.map((it) => `mapping ${it.mapping}: no key fits ${it.match}`),
      ],
      data: { keys: survey.keys, fates: survey.fates, plan: fates, empty: idle.map((it) => it.mapping) },
    }
    const failed = (because: string, hint: string) =>
      fail(coverage, { ...facts, measured: [facts.measured, because].join(' ').trim(), hint })

    if (total(survey.fates) !== survey.keys) {
      return error(coverage, {
        ...facts,
        measured: `${facts.measured} That does not add up.`,
        hint: 'This is a defect of kvmig: please report it.',
      })
    }
    if (strangers.length > 0) {
      return failed(
        `Plan ${scope.plan.name} has no mapping ${listed(strangers)}.`,
        'Correct the list empty: of the check coverage.',
      )
    }
    if (total(fates) === 0) {
      return failed(
        `Nothing of it belongs to plan ${scope.plan.name}.`,
        'Is this the right source, and does match say what the keys look like?',
      )
    }
    if (uncovered > 0) {
      return failed(
        '',
        'Give these keys a mapping, or let them be with a reason: ignore, index or ephemeral, in the plan or the project.',
      )
    }
    if (idle.length > 0) {
      return failed(
        `${counted(idle.length, 'mapping')} of plan ${scope.plan.name} found nothing.`,
        `Correct match, type or where; if there may be none: coverage: { empty: [${idle.map((it) => it.mapping).join(', ')}] } and because.`,
      )
    }
    return pass(coverage, facts)
  },
}

// One for each type of entry, few of which a store has. Keys that it should have taken and did not are uncovered.
const isFallback = ({ into }: Mapping): boolean => showTable(into) === LEFTOVERS

const total = (fates: Fates): number => FATES.reduce((sum, fate) => sum + fates[fate], 0)

const showFates = (fates: Fates): string =>
  listed(
    FATES.filter((fate) => fates[fate] > 0).map((fate) => `${fates[fate].toLocaleString('en-US')} ${fate}`),
  )
