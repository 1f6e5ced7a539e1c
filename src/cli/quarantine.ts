import { notAccepted } from '../checks/quarantine.ts'
import type { Plan } from '../plan/plan.ts'
import { printable } from '../printable.ts'
import type { QuarantineCount } from '../report/report.ts'
import type { Session } from '../runner/session.ts'

/** What the quarantine holds of some plans, by mapping and reason. What a plan's `accept:` lists counts as accepted, as it does at the gate. */
export async function countQuarantine(
  { ledger }: Session,
  plans: readonly Plan[],
): Promise<readonly QuarantineCount[]> {
  if (!(await ledger.installed())) return []
  const counts = await ledger.quarantine.counts()
  const found: QuarantineCount[] = []
  for (const plan of plans) {
    const own = counts.filter((it) => it.plan === plan.name)
    const relevant = plan.accept.filter(({ code }) => own.some((it) => it.code === code && it.open > 0))
    // Without acceptances the counts say it all, and one record of each kind will do: there may be millions.
    const limit = relevant.length > 0 ? Number.MAX_SAFE_INTEGER : 1_000
    const records = own.length > 0 ? await ledger.quarantine.list({ plan: plan.name, limit }) : []
    const left = new Set(notAccepted(relevant, records).left)
    for (const { mapping, code, open, accepted } of own) {
      const listed = records.filter((it) => it.mapping === mapping && it.code === code)
      const byPlan = listed.filter((it) => !it.accepted && !left.has(it))
      const sample = listed.find((it) => left.has(it)) ?? listed[0]
      found.push({
        plan: plan.name,
        mapping,
        code,
        open: open - byPlan.length,
        accepted: accepted + byPlan.length,
        ...(sample ? { sample: printable(sample.key) } : {}),
      })
    }
  }
  return found
}
