import { acceptance } from '../checks/quarantine.ts'
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
    const records = own.some((it) => it.open > 0)
      ? (await ledger.quarantine.list({ plan: plan.name })).filter((it) => !it.accepted)
      : []
    const acceptances = plan.accept.map(acceptance)
    for (const { mapping, code, open, accepted } of own) {
      const listed = records.filter((it) => it.mapping === mapping && it.code === code)
      const left = listed.filter((it) => !acceptances.some((accepts) => accepts(it)))
      const [sample] = left.length > 0 ? left : listed
      found.push({
        plan: plan.name,
        mapping,
        code,
        open: left.length,
        accepted: accepted + open - left.length,
        ...(sample ? { sample: printable(sample.key) } : {}),
      })
    }
  }
  return found
}
