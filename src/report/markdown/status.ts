import type { PlanStatus, StatusReport } from '../report.ts'
import { number } from '../wording.ts'
import type { Section } from './section.ts'
import { code as inCode, prose, table } from './syntax.ts'

/** Where each plan stands. */
export function statusSections({ plans, lease, lastRun }: StatusReport): readonly Section[] {
  return [
    {
      title: 'Plans',
      open: true,
      body: table(['plan', 'phase', 'steps', 'gate', 'quarantine', 'can advance'], plans.map(planRow)),
    },
    {
      title: 'Quarantine',
      open: true,
      body: table(['plan', 'reason', '>open', '>accepted', 'for example'], plans.flatMap(quarantineRows)),
    },
    {
      title: 'Lease',
      open: true,
      body: lease ? prose(`${lease.holder}, since ${lease.since}, until ${lease.until} (${lease.id})`) : '',
    },
    {
      title: 'Last run',
      open: true,
      body: lastRun
        ? prose(
            `${lastRun.command} by ${lastRun.who}, ${lastRun.startedAt}: ${lastRun.outcome ?? 'not finished'}`,
          )
        : '',
    },
  ]
}

const planRow = ({ plan, phase, since, steps, gate, quarantine, canAdvance }: PlanStatus): string[] => [
  prose(plan),
  phase === undefined ? 'not begun' : prose(since === undefined ? phase : `${phase} since ${since}`),
  `${number(steps.done)} of ${number(steps.total)}${steps.changed > 0 ? `, ${number(steps.changed)} changed since` : ''}`,
  gate ? prose(`${gate.opens} ${gate.status}, ${gate.at}`) : 'not asked yet',
  `${number(quarantine.open)} open, ${number(quarantine.accepted)} accepted`,
  canAdvance.yes
    ? `✅ to ${canAdvance.to}`
    : `not to ${canAdvance.to}: ${prose(canAdvance.reasons.join('; '))}`,
]

const quarantineRows = ({ plan, quarantine }: PlanStatus): string[][] =>
  quarantine.reasons.map(({ code, open, accepted, sample }) => [
    prose(plan),
    code,
    number(open),
    number(accepted),
    sample === undefined ? '' : inCode(sample),
  ])
