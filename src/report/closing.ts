import type {
  ApplyReport,
  CheckReport,
  DiffReport,
  GateResult,
  PhaseReport,
  PlanReport,
  RebuildReport,
  Report,
  StatusReport,
  TestReport,
  TraceReport,
} from './report.ts'
import { counted, duration, listed, number } from './wording.ts'

/** The last line of every report: what happened, and what to do next. */
export function closing(report: Report): string {
  // Each function takes the kind it is listed under, which a lookup cannot tell the compiler.
  return (CLOSINGS[report.kind] as (report: Report) => string)(report)
}

const CLOSINGS: { readonly [K in Report['kind']]: (report: Extract<Report, { kind: K }>) => string } = {
  plan: closePlan,
  apply: closeApply,
  check: closeCheck,
  status: closeStatus,
  diff: closeDiff,
  test: closeTest,
  trace: closeTrace,
  rebuild: closeRebuild,
  phase: closePhase,
}

function closePlan({ plans, shared, removed, diagnostics, saved, live }: PlanReport): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  if (errors > 0)
    return `Plan: ${counted(errors, 'error')}. Nothing has been changed. Mend the plan and run kvmig plan again.`
  const steps = [...shared, ...plans.flatMap((it) => it.steps)]
  const gates = steps.filter(({ kind }) => kind === 'gate').length
  const left = steps.filter(({ kind, state }) => kind !== 'gate' && state !== 'done').length
  const done = steps.length - gates - left
  const undone = removed.reduce((sum, it) => sum + it.steps.length, 0)
  const parts = [
    left > 0 && counted(left, done > 0 ? 'step to do' : 'step', done > 0 ? 'steps to do' : 'steps'),
    undone > 0 && counted(undone, 'step to take back', 'steps to take back'),
    left + undone === 0 && 'nothing to do',
    done > 0 && `${number(done)} done`,
    gates > 0 && counted(gates, 'gate'),
  ].filter((it) => it !== false)
  const next = saved === undefined ? 'kvmig apply --phase=A' : `kvmig apply ${saved}`
  const uncovered = live?.sources.reduce((sum, { fates }) => sum + (fates.uncovered ?? 0), 0) ?? 0
  const sentences = [
    `Plan: ${parts.join(', ')}. Nothing has been changed.`,
    uncovered > 0 && `${counted(uncovered, 'key is', 'keys are')} uncovered and will keep gate B closed.`,
    live && live.drift.length > 0 && 'The target has drifted.',
    left + undone > 0 && `Next: ${next}`,
  ]
  return sentences.filter(Boolean).join(' ')
}

function closeApply(report: ApplyReport): string {
  const { outcome, steps, gates, command, millis, phase, quarantine } = report
  const count = (status: string) => steps.filter((it) => it.status === status).length
  const did =
    count('done') > 0 ? `${counted(count('done'), 'step')} done in ${duration(millis)}` : 'nothing to do'
  const title = command[0]!.toUpperCase() + command.slice(1)
  const again = `kvmig ${command}${command === 'apply' ? ` --phase=${phase}` : ''}`
  if (outcome === 'failed') {
    const skipped = count('skipped')
    const behind =
      skipped > 0 ? `, ${number(skipped)} skipped behind ${count('failed') === 1 ? 'it' : 'them'}` : ''
    return `${title}: ${counted(count('failed'), 'step')} failed${behind}; what is done stays done. Mend the cause, then run ${again} again: it goes on where it stopped.`
  }
  if (outcome === 'interrupted')
    return `${title}: stopped; ${count('done') > 0 ? did : 'nothing was done yet'}. Run ${again} again: it goes on where it stopped.`
  if (outcome === 'paused') {
    const { plan } = steps.find((it) => it.status === 'paused')!
    return `${title}: paused; ${count('done') > 0 ? did : 'no step was finished'}, and what was copied is kept. kvmig resume ${plan}, then ${again}: it goes on where it stopped.`
  }
  if (outcome === 'closed')
    return `${title}: ${did}, but ${closedGates(gates)}. ${wayOut(
      gates,
      quarantine.some(({ open }) => open > 0),
    )}`
  const open = gates.filter(({ status }) => status === 'open')
  return `${title}: ${did}.${open.length > 0 ? ` Gate ${open[0]!.opens} is open for ${plansText(open.map(({ plan }) => plan))}.` : ''}`
}

function closeCheck({ gates }: CheckReport): string {
  if (gates.length === 0) return 'Check: there is no gate to ask.'
  if (gates.every(({ status }) => status === 'open')) {
    return `Check: gate ${gates[0]!.opens} is open for ${plansText(gates.map(({ plan }) => plan))}. Nothing has been changed.`
  }
  return `Check: ${closedGates(gates)}. ${wayOut(gates, false)}`
}

const closedGates = (gates: readonly GateResult[]): string => {
  const closed = gates.filter(({ status }) => status !== 'open')
  return `gate ${closed[0]!.opens} stays closed for ${plansText(closed.map(({ plan }) => plan))}`
}

function wayOut(gates: readonly GateResult[], hasQuarantine: boolean): string {
  const statuses = new Set(gates.flatMap(({ findings }) => findings.map(({ status }) => status)))
  statuses.delete('pass')
  if (statuses.size === 1 && statuses.has('pending'))
    return 'Only time or people are missing: ask again later with kvmig check.'
  const retry = hasQuarantine ? ' kvmig retry replays what is in quarantine.' : ''
  return `Mend what is listed, then ask again with kvmig check.${retry}`
}

function closeStatus({ installed, plans, lease }: StatusReport): string {
  if (!installed) return 'Status: nothing has been applied to this target. Next: kvmig plan'
  const ready = plans.filter(({ canAdvance }) => canAdvance.yes)
  const busy = lease ? ` ${lease.holder} is applying since ${lease.since}.` : ''
  if (ready.length === 0) return `Status: no plan can advance yet, for the reasons that are listed.${busy}`
  return `Status: ${plansText(ready.map(({ plan, canAdvance }) => `${plan} (to ${canAdvance.to})`))} can advance.${busy}`
}

function closeDiff({ plans }: DiffReport): string {
  const tables = plans.flatMap((it) => it.tables)
  const sum = (of: 'missing' | 'different' | 'extra') => tables.reduce((all, it) => all + it[of].count, 0)
  const parts = (['missing', 'different', 'extra'] as const)
    .filter((it) => sum(it) > 0)
    .map((it) => `${number(sum(it))} ${it}`)
  const compared = tables.reduce((all, it) => all + it.expected, 0)
  if (parts.length === 0) return `Diff: no difference in ${counted(compared, 'row')}.`
  return `Diff: ${listed(parts)} of ${counted(compared, 'row')}. Where the source changed since the copy, kvmig apply --phase=A --again takes that over; rows whose key is gone leave with the catch-up of phase B (in a plan that stays in A with this), or with kvmig rollback and a new apply; kvmig trace KEY explains one.`
}

function closeTest({ examples }: TestReport): string {
  if (examples.length === 0) return 'Test: no plan has examples. Write some under "examples:".'
  const bad = examples.filter(({ status }) => status !== 'pass').length
  if (bad === 0) return `Test: ${counted(examples.length, 'example passes', 'examples pass')}.`
  return `Test: ${number(bad)} of ${counted(examples.length, 'example')} failed. Mend the mapping, or what the example expects.`
}

function closeRebuild({ mappings, left, into, commands }: RebuildReport): string {
  const sum = (of: 'rows' | 'keys') => mappings.reduce((all, it) => all + it[of], 0)
  const lost = left.length > 0 ? ` ${counted(left.length, 'mapping has', 'mappings have')} no way back.` : ''
  return `Rebuild: ${counted(sum('rows'), 'row')} became ${counted(sum('keys'), 'key')} of ${into}, by ${counted(commands, 'command')}.${lost}`
}

function closeTrace({ fate, rows, rejects, rules, source }: TraceReport): string {
  if (fate === 'absent' && rows.length > 0)
    return `Trace: ${source} has no such key any more, and ${counted(rows.length, 'row that came', 'rows that came')} from it still ${rows.length === 1 ? 'stands' : 'stand'}. The catch-up of phase B takes it away, or kvmig rollback and a new apply.`
  if (fate === 'absent') return `Trace: ${source} has no such key, and no row came from it.`
  if (fate === 'uncovered')
    return 'Trace: uncovered, since no rule takes this key. Map it, or list it under ignore, index or ephemeral.'
  const rule = rules.find(({ claims }) => claims)
  const by = rule ? ` by ${rule.match} (${rule.at.file}:${rule.at.line})` : ''
  const made = [
    rows.length > 0 && counted(rows.length, 'row'),
    rejects.length > 0 && counted(rejects.length, 'reject'),
  ].filter((it) => it !== false)
  return `Trace: ${fate}${by}${made.length > 0 ? `: ${made.join(', ')}` : ''}.`
}

function closePhase({ command, outcome, acts, gates, millis, next }: PhaseReport): string {
  const title = command[0]!.toUpperCase() + command.slice(1)
  const closed = gates.filter(({ status }) => status !== 'open')
  const waits = acts.filter(({ status }) => status === 'waiting').length
  const said: { readonly [O in PhaseReport['outcome']]: string } = {
    done: acts.some(({ status }) => status === 'done') ? `done in ${duration(millis)}` : 'nothing to do',
    waiting:
      closed.length > 0 ? closedGates(gates) : `not yet: ${counted(waits, 'thing is', 'things are')} missing`,
    closed: closed.length > 0 ? closedGates(gates) : 'it stays where it is',
    failed: 'stopped; what is done stays done',
    fired: 'a trigger fired',
    interrupted: 'stopped; what is done stays done',
  }
  return `${title}: ${said[outcome]}.${next === undefined ? '' : ` ${next}`}`
}

/** Names while they are few; the lines above have them all. */
const plansText = (names: readonly string[]): string =>
  names.length > 4 ? counted(names.length, 'plan') : listed(names)
