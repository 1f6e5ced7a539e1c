import { KvmigError } from '../errors.ts'
import { mappingsOf } from '../plan/plan.ts'
import { sameTable, showTable, type TableDefinition } from '../plan/table.ts'
import type { Scope } from './check.ts'
import { requireReadable } from './readable.ts'
import type { Differences, PlanSurvey, TableSurvey } from './survey.ts'

/** The tables that a plan fills, each once: its own, the application's, another plan's. */
export function filledTables({ plan, project }: Pick<Scope, 'plan' | 'project'>): readonly TableDefinition[] {
  const declared = [plan, ...project.plans].flatMap((it) => it.tables)
  const names = new Map(mappingsOf(plan).map(({ into }) => [showTable(into), into]))
  return [...names.values()].flatMap((name) => declared.find((it) => sameTable(it.name, name)) ?? [])
}

/** Throws unless every row of the plan's tables can be read: rows that a policy hides would count as missing. */
export async function requireTables(scope: Scope): Promise<void> {
  const tables = filledTables(scope).map((it) => it.name)
  await scope.target.transaction((tx) => requireReadable(tx, tables), { readOnly: true })
}

/** The survey's part about the plan's tables, after a look whether they can be read. */
export async function surveyTables(scope: Scope): Promise<readonly TableSurvey[]> {
  await requireTables(scope)
  return (await surveyPlan(scope)).tables
}

/** The survey's part about the plan. */
export async function surveyPlan(scope: Scope): Promise<PlanSurvey> {
  const found = (await scope.survey()).plans.get(scope.plan.name)
  if (!found)
    throw new KvmigError('PLAN_NOT_SURVEYED', `The survey says nothing about plan ${scope.plan.name}.`)
  return found
}

/** `messages: missing message:m1`, for each kind of difference. */
export const differenceSamples = (
  table: string,
  differences: Readonly<Record<string, Differences>>,
): readonly string[] =>
  Object.entries(differences).flatMap(([kind, { samples }]) => samples.map((it) => `${table}: ${kind} ${it}`))

export const countDifferences = ({ missing, different, extra }: TableSurvey): number =>
  missing.count + different.count + extra.count
