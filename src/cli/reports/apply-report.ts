import type { Fate } from '../../checks/survey.ts'
import { KvmigError } from '../../errors.ts'
import type { Change } from '../../executors/executor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Step } from '../../plan/step.ts'
import { showTable } from '../../plan/table.ts'
import type { AppliedTable, ApplyReport, GateResult, QuarantineCount } from '../../report/report.ts'
import type { Applied, AppliedStep } from '../../runner/apply.ts'
import type { Held } from '../../runner/paused.ts'
import { gateResult } from './gate-result.ts'

export interface ApplyReportParts {
  readonly project: string
  readonly environment?: string | undefined
  readonly target: string
  readonly plans: readonly Plan[]
  readonly applied: Applied
  readonly held?: readonly Held[]
  /** What is in the tables now. */
  readonly rows: ReadonlyMap<string, number>
  readonly quarantine: readonly QuarantineCount[]
  readonly look: readonly string[]
  describe(step: Step): Change
}

/** What `kvmig apply` did, for people. */
export function createApplyReport(parts: ApplyReportParts): ApplyReport {
  const { project, environment, target, plans, applied, held = [], rows, quarantine, look, describe } = parts
  const gates = applied.steps.flatMap(({ step }) =>
    step.kind === 'gate' ? [gateResult(step, plans, applied.findings.get(step.id))] : [],
  )
  return {
    kind: 'apply',
    project,
    ...(environment === undefined ? {} : { environment }),
    target,
    command: 'apply',
    phase: 'A',
    outcome: applied.outcome,
    ...(held.length > 0 ? { held: held.map(({ plan, by, pause }) => ({ plan, by, ...pause })) } : {}),
    // Gates that were asked, or not reached, are told as gates.
    steps: applied.steps
      .filter(({ step, status }) => step.kind !== 'gate' || status === 'failed' || status === 'paused')
      .map((it) => reportStep(it, applied, describe)),
    gates,
    tables: tables(applied, rows),
    accounts: accounts(gates, plans),
    quarantine,
    millis: applied.millis,
    look,
  }
}

function reportStep(
  { step, status, counts, note, error, because, millis }: AppliedStep,
  { outcome }: Applied,
  describe: (step: Step) => Change,
): ApplyReport['steps'][number] {
  return {
    id: step.id,
    ...(step.plan === undefined ? {} : { plan: step.plan }),
    change: describe(step),
    ...(step.kind === 'table' && counts.tables ? { note: 'created' } : note === undefined ? {} : { note }),
    // Nothing failed before it: the run was told to stop.
    status:
      status === 'skipped' && outcome === 'interrupted' && !because?.length ? 'stopped' : STATUSES[status],
    counts: step.kind === 'table' ? {} : counts,
    ...(error ? { error: tell(error) } : {}),
    ...(because?.length ? { because } : {}),
    millis,
  }
}

const STATUSES: { readonly [S in AppliedStep['status']]: ApplyReport['steps'][number]['status'] } = {
  done: 'done',
  'was done': 'kept',
  opened: 'done',
  closed: 'done',
  failed: 'failed',
  paused: 'paused',
  skipped: 'skipped',
}

/** An error as it may be shown: those that kvmig did not make may quote values. */
export function tell(error: Error): { readonly message: string; readonly hint?: string } {
  if (!(error instanceof KvmigError))
    return {
      message: `an unexpected ${error.name}`,
      hint: 'Run it again with KVMIG_DEBUG=1, and please report it.',
    }
  return {
    message: `${error.code}  ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  }
}

function tables({ steps }: Applied, rows: ApplyReportParts['rows']): readonly AppliedTable[] {
  const found = new Map<string, { plans: string[]; counts: Record<string, number> }>()
  for (const { step, counts } of steps) {
    // Orphans leave their table when its foreign key is made.
    const left = step.kind === 'foreign_key' ? found.get(showTable(step.table)) : undefined
    if (left && counts.quarantined) {
      left.counts.quarantined = (left.counts.quarantined ?? 0) + counts.quarantined
    }
    if (step.kind !== 'backfill') continue
    const name = showTable(step.table.name)
    const known = found.get(name) ?? { plans: [], counts: {} }
    if (!known.plans.includes(step.plan)) known.plans.push(step.plan)
    for (const [word, value] of Object.entries(counts)) {
      // Rows are counted here; several mappings may read the same keys.
      if (word !== 'keys') known.counts[word] = (known.counts[word] ?? 0) + value
    }
    found.set(name, known)
  }
  return [...found].map(([table, { plans, counts }]) => {
    const there = rows.get(table)
    return { table, plans, ...(there === undefined ? {} : { rows: there }), counts }
  })
}

/** Every key's fate, by source: all plans of one source were judged by one survey. */
function accounts(gates: readonly GateResult[], plans: readonly Plan[]): ApplyReport['accounts'] {
  const found = new Map<string, { keys: number; fates: Readonly<Partial<Record<Fate, number>>> }>()
  for (const { plan, findings } of gates) {
    const data = findings.find((it) => it.check === 'coverage')?.data
    const source = plans.find((it) => it.name === plan)?.source
    if (source === undefined || typeof data?.keys !== 'number') continue
    found.set(source, { keys: data.keys, fates: data.fates as Readonly<Partial<Record<Fate, number>>> })
  }
  return [...found].map(([source, it]) => ({ source, ...it }))
}
