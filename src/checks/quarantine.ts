import { compileKeyPattern, isMatch } from '../mapping/key-match.ts'
import type { Acceptance } from '../plan/plan.ts'
import { object } from '../plan/schema-parts.ts'
import { printable } from '../printable.ts'
import type { QuarantineRecord } from '../state/ledger.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, MOST_SAMPLES, pass } from './finding.ts'

export const quarantine: Check = {
  name: 'quarantine',
  code: 'KV311',
  mandatory: true,
  summary: 'No record is left in the quarantine that nobody has looked at and accepted.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async ({ ledger, plan }) => {
    const counts = (await ledger.quarantine.counts()).filter((it) => it.plan === plan.name)
    const byHand = counts.reduce((sum, it) => sum + it.accepted, 0)
    const total = counts.reduce((sum, it) => sum + it.open, byHand)
    const relevant = plan.accept.filter(({ code }) => counts.some((it) => it.code === code && it.open > 0))
    // Without acceptances the counts say it all, and a few records will do for samples: there may be millions.
    const limit = relevant.length > 0 ? Number.MAX_SAFE_INTEGER : byHand + MOST_SAMPLES
    const records = total > byHand ? await ledger.quarantine.list({ plan: plan.name, limit }) : []
    const { left, exceeded } = notAccepted(relevant, records)
    const reasons = tally(relevant.length > 0 ? left.map((it) => ({ code: it.code, open: 1 })) : counts)
    const open = reasons.reduce((sum, [, count]) => sum + count, 0)
    const accepted = Math.max(total - open, 0)
    const facts = {
      measured: `${counted(open, 'open record')}${showReasons(reasons)}, ${accepted.toLocaleString('en-US')} accepted.`,
      expected: quarantine.summary,
      samples: left.map(showRecord),
      data: {
        open,
        accepted,
        reasons: Object.fromEntries(reasons),
        ...(exceeded.length > 0 && { exceeded }),
      },
    }
    return open === 0
      ? pass(quarantine, facts)
      : fail(quarantine, {
          ...facts,
          hint: `${exceeded.map(showExceeded).join('')}Mend the plan or the data, then kvmig retry ${plan.name}. What may stay behind: accept: in the plan, or kvmig accept ${plan.name}, with a reason.`,
        })
  },
}

/** Of open records those that no acceptance of the plan covers, and the acceptances with more records than they allow: they cover none. */
export function notAccepted(
  acceptances: readonly Acceptance[],
  records: readonly QuarantineRecord[],
): { readonly left: readonly QuarantineRecord[]; readonly exceeded: readonly Exceeded[] } {
  const open = records.filter((it) => !it.accepted)
  const accepted = new Set<QuarantineRecord>()
  const exceeded: Exceeded[] = []
  for (const it of acceptances) {
    const covered = open.filter(coveredBy(it))
    if (covered.length <= (it.atMost ?? Number.POSITIVE_INFINITY))
      for (const record of covered) accepted.add(record)
    else exceeded.push({ code: it.code, match: it.match.source, atMost: it.atMost!, found: covered.length })
  }
  return { left: open.filter((it) => !accepted.has(it)), exceeded }
}

export interface Exceeded {
  readonly code: string
  readonly match: string
  readonly atMost: number
  readonly found: number
}

const showExceeded = ({ code, match, atMost, found }: Exceeded): string =>
  `The plan accepts at most ${atMost.toLocaleString('en-US')} ${code} of ${match}, and there are ${found.toLocaleString('en-US')}. `

/** Is this record what the plan accepts? A pattern also fits the keys that were quarantined because they did not quite fit it. */
function coveredBy({ code, match }: Acceptance): (record: QuarantineRecord) => boolean {
  const matcher = compileKeyPattern(match)
  return (record) => {
    if (record.code !== code) return false
    const found = matcher.match(record.key.toString('latin1'))
    return isMatch(found) || found?.code === code
  }
}

type Reasons = readonly (readonly [code: string, count: number])[]

// Most first, then by name: the same order every time.
function tally(counts: readonly { readonly code: string; readonly open: number }[]): Reasons {
  const reasons = new Map<string, number>()
  for (const { code, open } of counts) if (open > 0) reasons.set(code, (reasons.get(code) ?? 0) + open)
  return [...reasons].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
}

const showReasons = (reasons: Reasons): string =>
  reasons.length === 0
    ? ''
    : ` (${reasons.map(([code, count]) => `${count.toLocaleString('en-US')} ${code}`).join(', ')})`

const showRecord = ({ code, key, part, column, mapping }: QuarantineRecord): string =>
  [
    `${code} ${printable(key)}`,
    ...(part === '' ? [] : [printable(part)]),
    `(${column === undefined ? mapping : `${mapping}.${column}`})`,
  ].join(' ')
