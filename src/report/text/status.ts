import { span } from '../../checks/span.ts'
import { columns, line, type Painter, painted, right, whole } from '../layout.ts'
import type { PlanStatus, StatusReport } from '../report.ts'
import { counted, listed, number } from '../wording.ts'
import { blocks, section } from './section.ts'

/** Where each plan stands, and what keeps it from going on. */
export function statusLines(
  { project, target, plans, lease, lastRun }: StatusReport,
  painter: Painter,
): string[] {
  return blocks(
    columns([[whole(project, 'strong'), whole(target)]], painter, 0),
    columns(plans.map(planRow), painter),
    columns(plans.flatMap(laterRow), painter),
    ...plans.map(({ plan, phase, canAdvance: { to, yes, reasons } }) =>
      yes
        ? []
        : section(
            phase === to ? `${plan} is on its way through ${to}` : `${plan} cannot go to ${to} yet`,
            reasons.map((it) => line(`– ${it}`, undefined, 2)),
            painter,
          ),
    ),
    section('Quarantine', columns(plans.flatMap(quarantineRows), painter), painter),
    lease
      ? [
          line(
            `Lease: ${lease.holder}, since ${lease.since}, until ${lease.until}. To take it away: kvmig unlock ${lease.id}`,
            painter.warn,
          ),
        ]
      : [],
    lastRun
      ? [
          line(
            `Last run: ${lastRun.command} by ${lastRun.who}, ${lastRun.startedAt}: ${lastRun.outcome ?? 'not finished'}`,
          ),
        ]
      : [],
  )
}

/** What only a plan has that has left phase A. */
function laterRow({ plan, later }: PlanStatus) {
  if (!later) return []
  const { instances, laggards, outbox, soakMillis, paused, nextAt } = later
  const late = laggards.length > 0 ? `, ${listed(laggards)} behind` : ''
  return [
    [
      whole(plan),
      whole(soakMillis === undefined ? 'not soaking' : `for ${span(soakMillis)}`),
      whole(`${counted(instances, 'instance')}${late}`, late ? 'warn' : undefined),
      whole(`outbox: ${number(outbox)}`, outbox > 0 ? 'warn' : undefined),
      paused === undefined ? '' : whole('paused', 'warn'),
      nextAt === undefined ? '' : whole(`next at ${nextAt}`),
    ],
  ]
}

function planRow({ plan, phase, since, steps, gate, quarantine, canAdvance }: PlanStatus) {
  const changed = steps.changed > 0 ? `, ${number(steps.changed)} changed since` : ''
  const { open, accepted } = quarantine
  return [
    whole(plan),
    phase === undefined
      ? painted('not begun', 'dim')
      : whole(`phase ${phase}${since === undefined ? '' : ` since ${since}`}`),
    whole(
      `${number(steps.done)} of ${number(steps.total)} steps${changed}`,
      steps.changed > 0 ? 'warn' : undefined,
    ),
    gate
      ? whole(`gate ${gate.opens} ${gate.status}`, gate.status === 'open' ? 'good' : 'bad')
      : whole('gate not asked yet', 'dim'),
    open + accepted === 0
      ? ''
      : whole(`quarantine: ${number(open)} open, ${number(accepted)} accepted`, open > 0 ? 'bad' : undefined),
    canAdvance.yes ? painted(`✓ can go to ${canAdvance.to}`, 'good') : painted(`– stays`, 'warn'),
  ]
}

const quarantineRows = ({ plan, quarantine }: PlanStatus) =>
  quarantine.reasons.map(({ code, open, accepted, sample }) => [
    right(`${number(open)} open`, open > 0 ? 'bad' : 'dim'),
    right(accepted > 0 ? `${number(accepted)} accepted` : ''),
    code,
    plan,
    sample === undefined ? '' : whole(`e.g. ${sample}`),
  ])
