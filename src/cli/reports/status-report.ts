import type { Finding } from '../../checks/check.ts'
import type { Compilation } from '../../plan/compile.ts'
import type {
  LaterStatus,
  PlanStatus,
  QuarantineCount,
  QuarantineReason,
  StatusReport,
} from '../../report/report.ts'
import { counted, listed } from '../../report/wording.ts'
import { pauseSentence } from '../../runner/paused.ts'
import type { LeaseInfo, Ledger, Route, RunRecord } from '../../state/ledger.ts'
import type { Pause } from '../../state/watching.ts'
import { type GoneTable, wayBack } from '../gone-tables.ts'
import type { Standing } from '../standing.ts'

export interface StatusParts {
  readonly project: string
  readonly environment: string | undefined
  readonly target: string
  readonly installed: boolean
  readonly compiled: Compilation
  readonly standing: Standing
  /** Tables that were applied and are not there. */
  readonly gone: readonly GoneTable[]
  readonly routes: ReadonlyMap<string, Route>
  readonly quarantine: readonly QuarantineCount[]
  /** Of each plan, newest first. */
  readonly gates: ReadonlyMap<string, Awaited<ReturnType<Ledger['findings']>>>
  /** Of the plans that have left phase A. */
  readonly later: ReadonlyMap<string, LaterStatus>
  /** Why plans go no further than phase A. */
  readonly stays: ReadonlyMap<string, string>
  readonly paused: ReadonlyMap<string, Pause>
  readonly lease: LeaseInfo | undefined
  readonly run: RunRecord | undefined
}

/** Where every plan stands, and what keeps it from going on. */
export function createStatusReport(parts: StatusParts): StatusReport {
  const { project, environment, target, installed, compiled, lease, run } = parts
  return {
    kind: 'status',
    project,
    ...(environment === undefined ? {} : { environment }),
    target,
    installed,
    plans: compiled.waves.map(({ plan }) => planStatus(plan.name, plan.file, parts)),
    ...(lease ? { lease } : {}),
    ...(run
      ? {
          lastRun: {
            id: run.id,
            command: run.command,
            who: `${run.who}@${run.host}`,
            startedAt: run.startedAt,
            ...(run.outcome === undefined ? {} : { outcome: run.outcome }),
          },
        }
      : {}),
  }
}

function planStatus(
  plan: string,
  file: string,
  { compiled, standing, gone, routes, quarantine, gates, later: laters, stays, paused }: StatusParts,
): PlanStatus {
  const states = compiled.graph.vertices
    .filter(({ data }) => data.plan === plan && data.kind !== 'gate')
    .map(({ id }) => standing.states.get(id)!.state)
  const route = routes.get(plan)
  const later = laters.get(plan)
  // One that is back in A goes on through gate B, whatever was asked further on.
  const judged = gates.get(plan)?.find((it) => later !== undefined || it.gate === 'B')
  const findings = (judged?.findings ?? []) as readonly Finding[]
  const steps = {
    total: states.length,
    done: states.filter((it) => it === 'done').length,
    changed: states.filter((it) => it === 'changed' || it === 'again').length,
  }
  const own = quarantine.filter((it) => it.plan === plan)
  const pause = paused.get(plan)
  const reasons = [
    ...(pause && !later ? [pauseSentence(plan, pause)] : []),
    ...gone
      .filter((it) => it.plans.includes(plan))
      .map((it) => `Table ${it.table} is not there any more: ${wayBack(it)}`),
    ...(later && steps.changed > 0
      ? [
          `The plan was edited since it was applied: put the edit back, or kvmig rollback --to=A ${plan} and apply it anew.`,
        ]
      : []),
    ...(later?.reasons ?? reasonsToStay({ steps, judged: judged !== undefined, findings })),
    ...(stays.has(plan) && !later
      ? [`It stays in phase A: ${stays.get(plan)}. Cut over with the application stopped.`]
      : []),
  ]
  return {
    plan,
    file,
    ...(route ? { phase: route.phase, epoch: route.epoch, since: route.since } : {}),
    steps,
    ...(judged
      ? {
          gate: {
            opens: judged.gate as 'B' | 'C' | 'D',
            status: findings.every((it) => it.status === 'pass') ? ('open' as const) : ('closed' as const),
            at: judged.at,
            findings: findings.map(({ check, code, status, measured }) => ({
              check,
              code,
              status,
              measured,
            })),
          },
        }
      : {}),
    canAdvance: { to: later?.to ?? 'B', yes: reasons.length === 0, reasons },
    ...(later ? { later } : {}),
    quarantine: {
      open: own.reduce((sum, it) => sum + it.open, 0),
      accepted: own.reduce((sum, it) => sum + it.accepted, 0),
      reasons: reasonsOf(own),
    },
  }
}

// Several mappings of a plan may reject for the same reason.
function reasonsOf(counts: readonly QuarantineCount[]): readonly QuarantineReason[] {
  const byCode = new Map<string, QuarantineReason>()
  for (const { code, open, accepted, sample } of counts) {
    const known = byCode.get(code)
    const example = known?.sample ?? sample
    byCode.set(code, {
      code,
      open: (known?.open ?? 0) + open,
      accepted: (known?.accepted ?? 0) + accepted,
      ...(example === undefined ? {} : { sample: example }),
    })
  }
  return [...byCode.values()].sort((a, b) => b.open - a.open || a.code.localeCompare(b.code))
}

function reasonsToStay({
  steps,
  judged,
  findings,
}: {
  readonly steps: PlanStatus['steps']
  readonly judged: boolean
  readonly findings: readonly Finding[]
}): readonly string[] {
  const { total, done, changed } = steps
  if (done === 0 && changed === 0) return ['Nothing was applied yet: kvmig apply --phase=A.']
  const left = total - done - changed
  const shut = findings.filter((it) => it.status !== 'pass')
  return [
    changed > 0 && `${counted(changed, 'step')} were edited since: kvmig plan --live shows what that means.`,
    left > 0 && `${counted(left, 'step is', 'steps are')} left to do: kvmig apply --phase=A.`,
    !judged && 'The gate was not asked yet.',
    shut.length > 0 &&
      `The gate was closed by ${listed(shut.map((it) => it.check))}: kvmig check asks again and says what to do.`,
  ].filter((it) => it !== false)
}
