import { compileKeyPattern, isMatch } from '../mapping/key-match.ts'
import type { Acceptance } from '../plan/plan.ts'
import { object } from '../plan/schema-parts.ts'
import { printable } from '../printable.ts'
import type { QuarantineRecord } from '../state/ledger.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass } from './finding.ts'

export const quarantine: Check = {
  name: 'quarantine',
  code: 'KV311',
  mandatory: true,
  summary: 'No record is left in the quarantine that nobody has looked at and accepted.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async ({ ledger, plan }) => {
    const counts = (await ledger.quarantine.counts()).filter((it) => it.plan === plan.name)
    const isOpen = counts.some((it) => it.open > 0)
    const records = isOpen
      ? (await ledger.quarantine.list({ plan: plan.name })).filter((it) => !it.accepted)
      : []
    const acceptances = plan.accept.map(acceptance)
    const open = records.filter((it) => !acceptances.some((accepts) => accepts(it)))
    const accepted = counts.reduce((sum, it) => sum + it.accepted, 0) + records.length - open.length
    const reasons = tally(open)
    const facts = {
      measured: `${counted(open.length, 'open record')}${reasons.length === 0 ? '' : ` (${reasons.map(([code, count]) => `${count.toLocaleString('en-US')} ${code}`).join(', ')})`}, ${accepted.toLocaleString('en-US')} accepted.`,
      expected: quarantine.summary,
      samples: open.map(showRecord),
      data: { open: open.length, accepted, reasons: Object.fromEntries(reasons) },
    }
    return open.length === 0
      ? pass(quarantine, facts)
      : fail(quarantine, {
          ...facts,
          hint: `Mend the plan or the data, then kvmig retry ${plan.name}. What may stay behind: accept: in the plan, or kvmig accept ${plan.name}, with a reason.`,
        })
  },
}

/** Is this record what the plan accepts? A pattern also fits the keys that were quarantined because they did not quite fit it. */
function acceptance({ code, match }: Acceptance): (record: QuarantineRecord) => boolean {
  const matcher = compileKeyPattern(match)
  return (record) => {
    if (record.code !== code) return false
    const found = matcher.match(record.key.toString('latin1'))
    return isMatch(found) || found?.code === code
  }
}

// Most first, then by name: the same order every time.
function tally(records: readonly QuarantineRecord[]): readonly (readonly [code: string, count: number])[] {
  const counts = new Map<string, number>()
  for (const { code } of records) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
}

const showRecord = ({ code, key, part, column, mapping }: QuarantineRecord): string =>
  [
    `${code} ${printable(key)}`,
    ...(part === '' ? [] : [printable(part)]),
    `(${column === undefined ? mapping : `${mapping}.${column}`})`,
  ].join(' ')
