import { parseDuration } from '../plan/duration.ts'
import type { JsonSchema } from '../plan/schema-parts.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Finding } from './check.ts'

/** Milliseconds at most, or so much more than there were before phase B: `200ms`, `+20% of baseline`. */
export const durationOrMore: JsonSchema = {
  type: 'string',
  pattern: '^([1-9]\\d{0,8}(ms|s|m|h|d)|\\+\\d{1,3}(\\.\\d{1,9})?%( of baseline)?)$',
  title: 'a duration, such as 200ms, or a share more than before, such as +20% of baseline',
}

/** A number at least, or so much less than it was before phase B: `1000`, `-10% of baseline`. */
export const countOrLess: JsonSchema = {
  type: ['integer', 'string'],
  minimum: 1,
  pattern: '^-\\d{1,2}(\\.\\d{1,9})?%( of baseline)?$',
  title: 'a whole number above 0, or a share less than before, such as -10% of baseline',
}

/** A limit as a plan has it, in numbers; undefined where it is a share of a baseline that nobody measured. */
export function limitOf(limit: string | number, baseline: number | undefined): number | undefined {
  if (typeof limit === 'number') return limit
  const share = /^([+-]\d+(?:\.\d+)?)%/.exec(limit)
  if (!share) return parseDuration(limit)
  return baseline === undefined ? undefined : baseline * (1 + Number(share[1]) / 100)
}

export const isShare = (limit: string | number | undefined): boolean => /^[+-]/.test(String(limit ?? ''))

/**
 * What a check measured when it last passed in gate B of a plan: the finding's data as the ledger keeps it, or that of gate C, if it stands
 * only there. Of several such checks it is the one that measured `of`; undefined: it was not measured before.
 */
export async function baselineOf(
  ledger: Pick<Ledger, 'findings'>,
  plan: string,
  { check, of }: { readonly check: string; readonly of?: string },
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const gates = await ledger.findings(plan)
  for (const gate of ['B', 'C']) {
    for (const { findings } of gates.filter((it) => it.gate === gate)) {
      const own = (findings as readonly Finding[]).filter((it) => it.check === check && it.status === 'pass')
      const found = own.find((it) => it.data?.of === of) ?? (own.length === 1 ? own[0] : undefined)
      if (found?.data) return found.data
    }
  }
  return undefined
}

export const NO_BASELINE =
  'Nothing was measured before that it could be compared with: list the check in gate B as well, with the limits that hold there.'
