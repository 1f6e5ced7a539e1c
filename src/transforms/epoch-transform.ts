import { daysOf } from '../calendar.ts'
import { canonicalNumeric, multiply } from '../decimal.ts'
import type { Literal } from '../plan/expression.ts'
import { Decimal, Instant, RejectError, type Value } from '../value.ts'
import { numberText } from './canonical-number.ts'
import { readIso } from './iso.ts'
import { mismatch } from './kind.ts'
import { numberArgument } from './literal.ts'
import { ArgumentError, type Transform } from './transform.ts'

/**
 * A transform from a count of `microsPerUnit` since 1970, as number or as text, to a moment. A count outside of the years 2000 to 2100
 * is TIMESTAMP_IMPLAUSIBLE (a wrong unit is the usual reason), unless the arguments name other years.
 */
export function epochTransform(name: string, unit: string, microsPerUnit: 1 | 1000 | 1_000_000): Transform {
  return {
    name,
    summary: `A moment, from ${unit} since 1970. It has to lie in the years 2000 to 2100, or in those said: \`${name}(1900, 2200)\`.`,
    parameters: EPOCH_PARAMETERS,
    takes: ['number', 'text'],
    gives: () => 'instant',
    create: (args) => {
      const years = plausibleYears(args)
      return {
        forward: (value) =>
          value === null || value === undefined ? value : momentOf(numberOf(value), microsPerUnit, years),
        inverse: (value) => countOf(value, microsPerUnit),
      }
    },
  }
}

/** Microseconds since 1970: from, and up to but without. */
export interface Window {
  readonly from: number
  readonly to: number
}

export const EPOCH_PARAMETERS: Transform['parameters'] = [
  { name: 'from_year', type: 'integer', optional: true },
  { name: 'to_year', type: 'integer', optional: true },
]

export function plausibleYears(args: readonly Literal[]): Window {
  const [from, to] = [0, 1].map((index) =>
    args[index] === undefined ? 2000 + 100 * index : yearOf(args, index),
  ) as [number, number]
  if (from > to) throw new ArgumentError('The first year comes after the last.')
  return { from: startOf(from), to: startOf(to + 1) }
}

/** The source text of a count: of a number, or of text that is one in its plain form. */
export function numberOf(value: Value): string {
  if (value instanceof Decimal) return value.text
  if (typeof value === 'string') {
    if (SHORT_INTEGER.test(value)) return value
    if (readIso(value))
      throw new RejectError('TYPE_MISMATCH', 'Expected a number, found a time in ISO 8601: say iso instead.')
    return numberText(value, 'NOT_A_TIMESTAMP')
  }
  throw mismatch('a number that counts from 1970', value)
}

/** Throws LOSSY_PRECISION beyond microseconds, TIMESTAMP_IMPLAUSIBLE outside of the window. */
export function momentOf(text: string, microsPerUnit: number, { from, to }: Window): Instant {
  if (SHORT_INTEGER.test(text)) {
    const micros = Number(text) * microsPerUnit
    if (micros >= from && micros < to) return new Instant(BigInt(text) * BigInt(microsPerUnit))
    throw implausible()
  }
  // The comparison comes first: what lies far outside is not worked out.
  const approximate = Number(text) * microsPerUnit
  if (!(approximate >= from && approximate < to)) throw implausible()
  const [whole = '', fraction = ''] = multiply(text, String(microsPerUnit)).split('.')
  if (!/^0*$/.test(fraction))
    throw new RejectError(
      'LOSSY_PRECISION',
      'The time is finer than a microsecond, which Postgres would round.',
    )
  return new Instant(BigInt(whole))
}

const SHORT_INTEGER = /^[1-9]\d{0,15}$/

function countOf(value: Value, microsPerUnit: number): Value {
  if (value === null || value === undefined) return value
  if (!(value instanceof Instant)) throw mismatch('a moment', value)
  const [whole, fraction] = multiply(String(value.micros), `${1 / microsPerUnit}`).split('.')
  const rest = fraction?.replace(/0+$/, '')
  return new Decimal(canonicalNumeric(rest ? `${whole}.${rest}` : `${whole}`))
}

function yearOf(args: readonly Literal[], index: number): number {
  const year = Number(numberArgument(args, index, 'The year'))
  if (!Number.isInteger(year) || year < -4713 || year > 294_276)
    throw new ArgumentError('The year has to be one that Postgres knows.')
  return year
}

const startOf = (year: number): number => (daysOf(year, 1, 1) as number) * 86_400_000_000

const implausible = (): RejectError =>
  new RejectError(
    'TIMESTAMP_IMPLAUSIBLE',
    'The time lies outside of the plausible years: is the unit (s, ms, us) the right one?',
  )
