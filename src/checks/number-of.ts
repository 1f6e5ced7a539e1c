import type { Check, Finding } from './check.ts'
import { fail, pass, unknown } from './finding.ts'
import { hasLimits, isWithin, type Limits, showLimits } from './limit.ts'

/** Judges a number that comes from elsewhere: no number is no pass. */
export function judgeNumber(
  check: Check,
  value: unknown,
  { limits, what, missing }: { readonly limits: Limits; readonly what: string; readonly missing: string },
): Finding {
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && value.trim() !== ''
        ? Number(value)
        : Number.NaN
  const expected = hasLimits(limits)
    ? `It is ${showLimits(limits)}.`
    : 'It has a limit: above, below or at_least.'
  if (!Number.isFinite(number))
    return unknown(check, { measured: `${what} gives no number.`, expected, hint: missing })
  const facts = { measured: `${what} gives ${number}.`, expected, data: { value: number } }
  if (!hasLimits(limits)) return unknown(check, { ...facts, hint: 'Say what it may be: above: 10.' })
  return isWithin(limits, number) ? pass(check, facts) : fail(check, facts)
}
