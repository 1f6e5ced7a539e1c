import { askChecks } from '../checks/ask.ts'
import type { Check, Finding, Scope } from '../checks/check.ts'
import type { Differences, MappingSurvey, SampleSurvey } from '../checks/survey.ts'
import type { Plan } from '../plan/plan.ts'
import type { GateStep } from '../plan/step.ts'
import { readCounter } from '../sources/read-counter.ts'
import { databaseClock } from '../target/clock.ts'
import type { Session } from './session.ts'
import { Surveys } from './surveys.ts'

/** The gates that open a later phase; those of phase B are steps of the graph. */
export const laterGates = (plans: readonly Plan[], opens: 'C' | 'D' | 'B'): readonly GateStep[] =>
  plans.map((plan) => ({
    id: `${plan.name}/${opens}/gate`,
    kind: 'gate',
    phase: opens,
    plan: plan.name,
    opens,
    checks: plan.gates.get(opens) ?? [],
  }))

/** Asks the checks of several gates. Changes nothing. Gives the findings by the gate's step id. */
export async function askGates(
  gates: readonly GateStep[],
  options: {
    readonly session: Session
    readonly plans: readonly Plan[]
    readonly checks: ReadonlyMap<string, Check>
    readonly signal: AbortSignal
  },
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  const { session, plans, checks, signal } = options
  const asked = plans.filter((plan) => gates.some((it) => it.plan === plan.name))
  const surveys = new Surveys(session, asked, { compare: true, signal })
  const findings = new Map<string, readonly Finding[]>()
  for (const gate of gates) {
    const plan = plans.find((it) => it.name === gate.plan)!
    const scope = scopeFor(session, plan, { surveys, signal })
    findings.set(gate.id, await askChecks(gate.checks, checks, scope, gate.opens))
  }
  return findings
}

/** What a check may look at for a plan. */
export const scopeFor = (
  session: Session,
  plan: Plan,
  {
    surveys,
    signal,
    isHurried = false,
  }: { readonly surveys: Surveys; readonly signal: AbortSignal; readonly isHurried?: boolean },
): Scope => ({
  project: session.project,
  plan,
  compiled: session.compiled,
  target: session.target,
  ledger: session.ledger,
  signal,
  isHurried,
  resolve: (text) => session.resolve(text, plan.at),
  counter: async (place) => {
    const clock = await databaseClock(session)
    return readCounter(await session.source(plan.source), place, clock())
  },
  survey: () => surveys.of(plan.source),
  source: () => session.source(plan.source),
  sample: (share) => sampleOf(session, plan, share, signal),
})

async function sampleOf(
  session: Session,
  plan: Plan,
  share: number,
  signal: AbortSignal,
): Promise<SampleSurvey> {
  const survey = await new Surveys(session, [plan], { compare: true, share, signal }).of(plan.source)
  const { mappings, tables } = survey.plans.get(plan.name)!
  const rejected = (mapping: MappingSurvey) => mapping.rejects.reduce((sum, it) => sum + it.records, 0)
  return {
    records: mappings.reduce((sum, it) => sum + it.records - rejected(it), 0),
    sampled: tables.reduce((sum, it) => sum + it.expected, 0),
    missing: together(tables.map((it) => it.missing)),
    different: together(tables.map((it) => it.different)),
  }
}

const together = (differences: readonly Differences[]): Differences => ({
  count: differences.reduce((sum, it) => sum + it.count, 0),
  samples: differences.flatMap((it) => it.samples).slice(0, 10),
})
