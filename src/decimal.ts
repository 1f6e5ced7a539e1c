import { RejectError } from './value.ts'

/** ± `digits` × 10^-`scale`; no leading zeros but for a lone 0. */
interface Parts {
  readonly negative: boolean
  readonly digits: string
  readonly scale: number
}

const JSON_NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
const PLAIN = /^(?:0|-?[1-9]\d{0,999}|(?:0|-?[1-9]\d{0,999})\.\d{1,999})$/

/** Postgres's limits for numeric: digits before and after the decimal point. */
const MAX_INTEGER_DIGITS = 131_072
const MAX_SCALE = 16_383
/** Larger exponents are refused by Postgres even for zero. */
const MAX_EXPONENT = 1_073_741_823

/**
 * A JSON number as Postgres's numeric prints it: `1e3` gives `1000`, `1.10` stays, `-0` gives `0`. Throws NUMERIC_OVERFLOW beyond
 * numeric's range, without expanding the exponent first.
 */
export function canonicalNumeric(text: string): string {
  if (PLAIN.test(text)) return text
  const { negative, digits, scale } = numericParts(text)
  const sign = negative && digits !== '0' ? '-' : ''
  if (scale <= 0) return digits === '0' ? '0' : sign + digits + '0'.repeat(-scale)
  const padded = digits.padStart(scale + 1, '0')
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
}

/**
 * A JSON number for numeric(precision, scale): exactly that many digits behind the point. Throws LOSSY_ROUNDING where a digit other than
 * 0 would be lost, NUMERIC_OVERFLOW where it does not fit.
 */
export function scaledNumeric(text: string, precision: number, scale: number): string {
  if (PLAIN.test(text) && text.length <= precision) {
    const point = text.indexOf('.')
    const missing = scale - (point < 0 ? 0 : text.length - point - 1)
    // The usual number has no more places than the column: it fits if its zeros do.
    if (missing >= 0 && text.length + missing <= precision) {
      return missing === 0 ? text : `${text}${point < 0 ? '.' : ''}${'0'.repeat(missing)}`
    }
  }
  const parts = numericParts(text)
  let { digits } = parts
  if (parts.scale > scale) {
    const surplus = parts.scale - scale
    const kept = digits.length > surplus ? digits.slice(0, -surplus) : '0'
    if (!isZero(digits.slice(-surplus))) {
      throw new RejectError(
        'LOSSY_ROUNDING',
        `numeric(${precision},${scale}) would round a number with ${places(parts)}.`,
      )
    }
    digits = kept
  } else if (digits !== '0') {
    digits += '0'.repeat(scale - parts.scale)
  }
  if (digits !== '0' && digits.length > precision) {
    throw new RejectError(
      'NUMERIC_OVERFLOW',
      `The number has more digits than numeric(${precision},${scale}) holds.`,
    )
  }
  return canonicalNumeric(`${parts.negative ? '-' : ''}${digits}e${-scale}`)
}

/** The integer a JSON number is equal to (`5.0` and `50e-1` are 5); `fraction` if it is none, `huge` beyond 10^40. */
export function integerOf(text: string): bigint | 'fraction' | 'huge' {
  const { negative, digits, scale } = partsOf(text)
  if (digits === '0') return 0n
  if (digits.length - scale > 40) return 'huge'
  if (scale <= 0) return BigInt(`${negative ? '-' : ''}${digits}${'0'.repeat(-scale)}`)
  if (scale >= digits.length || !isZero(digits.slice(-scale))) return 'fraction'
  return BigInt(`${negative ? '-' : ''}${digits.slice(0, -scale)}`)
}

/** Its significant digits, without zeros at either end (`''` for zero), and the power of ten of the first of them. */
export function significant(text: string): {
  readonly negative: boolean
  readonly digits: string
  readonly exponent: number
} {
  const { negative, digits, scale } = partsOf(text)
  const stripped = digits === '0' ? '' : digits.replace(/0+$/, '')
  return { negative, digits: stripped, exponent: digits.length - 1 - scale }
}

/** Are two JSON numbers equal? Of any size: nothing is written out. */
export function isSameNumber(left: string, right: string): boolean {
  if (left === right) return true
  const [a, b] = [significant(left), significant(right)]
  return (
    a.digits === b.digits && (a.digits === '' || (a.exponent === b.exponent && a.negative === b.negative))
  )
}

/** Exact sum of two JSON numbers. Throws NUMERIC_OVERFLOW beyond numeric's range. */
export function add(left: string, right: string): string {
  const [a, b] = [fixed(left), fixed(right)]
  const scale = Math.max(a.scale, b.scale)
  return compose(a.value * 10n ** BigInt(scale - a.scale) + b.value * 10n ** BigInt(scale - b.scale), scale)
}

/** Exact product of two JSON numbers. Throws NUMERIC_OVERFLOW beyond numeric's range. */
export function multiply(left: string, right: string): string {
  const [a, b] = [fixed(left), fixed(right)]
  return compose(a.value * b.value, a.scale + b.scale)
}

/** Exact quotient of two JSON numbers; undefined where it has no end as a decimal, or the divisor is 0. Throws NUMERIC_OVERFLOW. */
export function divide(left: string, right: string): string | undefined {
  const [a, b] = [fixed(left), fixed(right)]
  if (b.value === 0n) return undefined
  const shift = decimalShift(b.value / greatestCommonDivisor(a.value, b.value))
  if (shift === undefined) return undefined
  return compose((a.value * 10n ** BigInt(shift)) / b.value, a.scale - b.scale + shift)
}

/** A JSON number with its decimal point `digits` further to the left. Throws NUMERIC_OVERFLOW beyond numeric's range. */
export function shiftPoint(text: string, digits: number): string {
  const parts = numericParts(text)
  return canonicalNumeric(`${parts.negative ? '-' : ''}${parts.digits}e${-(parts.scale + digits)}`)
}

/** -1, 0 or 1. For numbers within numeric's range. */
export function compareNumbers(left: string, right: string): -1 | 0 | 1 {
  const [a, b] = [fixed(left), fixed(right)]
  const scale = Math.max(a.scale, b.scale)
  const difference = a.value * 10n ** BigInt(scale - a.scale) - b.value * 10n ** BigInt(scale - b.scale)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function partsOf(text: string): Parts {
  const match = JSON_NUMBER.exec(text)
  if (!match) throw new RejectError('NOT_A_NUMBER', 'Expected a number.')
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  return {
    negative: sign === '-',
    digits: (whole + fraction).replace(/^0+(?=\d)/, ''),
    scale: fraction.length - Number(exponent),
  }
}

function numericParts(text: string): Parts {
  const parts = partsOf(text)
  const exponent = Math.abs(parts.scale)
  if (
    parts.scale > MAX_SCALE ||
    exponent >= MAX_EXPONENT ||
    (parts.digits !== '0' && parts.digits.length - parts.scale > MAX_INTEGER_DIGITS)
  ) {
    throw new RejectError('NUMERIC_OVERFLOW', 'The number is beyond the range of numeric.')
  }
  return parts
}

/** The number as `value` × 10^-`scale`, with a scale of 0 or more. */
function fixed(text: string): { readonly value: bigint; readonly scale: number } {
  const { negative, digits, scale } = numericParts(text)
  const value = BigInt(`${negative ? '-' : ''}${digits}`)
  return scale < 0 ? { value: value * 10n ** BigInt(-scale), scale: 0 } : { value, scale }
}

const compose = (value: bigint, scale: number): string => canonicalNumeric(`${value}e${-scale}`)

/** The smallest power of ten that the divisor divides; undefined if it has a factor other than 2 and 5. */
function decimalShift(divisor: bigint): number | undefined {
  let rest = divisor
  const count = (factor: bigint): number => {
    let times = 0
    for (; rest % factor === 0n; rest /= factor) times++
    return times
  }
  const shift = Math.max(count(2n), count(5n))
  return rest === 1n || rest === -1n ? shift : undefined
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b]
  return a < 0n ? -a : a
}

const isZero = (digits: string): boolean => /^0*$/.test(digits)
const places = ({ scale }: Parts): string => (scale === 1 ? 'one decimal place' : `${scale} decimal places`)
