import type { TableSurvey } from '../../checks/survey.ts'
import type { DiffReport } from '../report.ts'
import { counted, number } from '../wording.ts'
import { accountTable } from './account.ts'
import type { Section } from './section.ts'
import { code, paragraphs, table } from './syntax.ts'

/** Table by table: what the source gives against what is there. */
export const diffSections = ({ plans }: DiffReport): readonly Section[] =>
  plans.flatMap((plan) => [
    ...plan.tables.map((it) => tableSection(plan.plan, it)),
    { title: `Keys of ${plan.plan}`, body: accountTable(plan) },
  ])

function tableSection(plan: string, survey: TableSurvey): Section {
  const kinds = (['missing', 'different', 'extra'] as const).filter((kind) => survey[kind].count > 0)
  const { expected, actual, matching } = survey
  return {
    title: `${kinds.length === 0 ? '✅' : '❌'} ${plan}: ${survey.table}`,
    open: kinds.length > 0,
    body: paragraphs(
      `${counted(expected, 'row')} from the source, ${number(actual)} in the table, ${number(matching)} the same`,
      table(
        ['>rows', '', 'for example'],
        kinds.map((kind) => [number(survey[kind].count), kind, survey[kind].samples.map(code).join(', ')]),
      ),
    ),
  }
}
