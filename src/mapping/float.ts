import { significant } from '../decimal.ts'
import { RejectError } from '../value.ts'

/**
 * A JSON number as a double, if the double stands for it: exactly equal, or the number is what the double prints as with that many
 * digits (up to 17, all that a double tells apart). Throws LOSSY_FLOAT otherwise, NUMERIC_OVERFLOW beyond the range. -0 stays -0.
 */
export function toDouble(text: string): number {
  const value = Number(text)
  // What JavaScript printed is the shortest text of the double.
  if (SAFE.test(text) || String(value) === text) return value
  if (!Number.isFinite(value))
    throw new RejectError('NUMERIC_OVERFLOW', 'The number is beyond the range of double precision.')
  if (!standsFor(value, text, 17)) throw lossy('double precision')
  return value
}

/** The same for a float32: up to 9 digits, or a double that is a float32 exactly (as embeddings are written). */
export function toReal(text: string): number {
  const double = Number(text)
  const value = Math.fround(double)
  if (!Number.isFinite(value))
    throw new RejectError('NUMERIC_OVERFLOW', 'The number is beyond the range of real.')
  if (value === double && (SAFE.test(text) || String(double) === text || standsFor(double, text, 17)))
    return value
  if (!standsFor(value, text, 9)) throw lossy('real')
  return value
}

/** The shortest text that reads as this float32 again. */
export function realText(value: number): string {
  if (Object.is(value, -0)) return '-0'
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)))
    if (Math.fround(Number(text)) === value) return text
  }
  return String(Number(value.toPrecision(9)))
}

// Up to 15 digits in the usual range always come back.
const SAFE = /^-?(?:0|[1-9]\d{0,14}|(?:0|[1-9]\d{0,6})\.\d{1,8})$/

function standsFor(value: number, text: string, digits: number): boolean {
  const { digits: written, exponent } = significant(text)
  if (written === '' || value === 0) return written === '' && value === 0
  const isShort = written.length <= digits
  if (isShort) {
    const shown = significant(Math.abs(value).toPrecision(written.length))
    if (shown.digits === written && shown.exponent === exponent) return true
  }
  // 770 digits write out any double.
  if (written.length > 770) return false
  const exact = significant(exactText(Math.abs(value)))
  // toPrecision rounds a half up; down is as near.
  return (
    exact.exponent === exponent && (exact.digits === written || (isShort && exact.digits === `${written}5`))
  )
}

/** All digits of a double: an integer times a power of two, written with a power of ten. */
function exactText(value: number): string {
  let mantissa = value
  let halvings = 0
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    halvings++
  }
  // m / 2^n = m × 5^n / 10^n
  return `${BigInt(mantissa) * 5n ** BigInt(halvings)}e${-halvings}`
}

const lossy = (type: string): RejectError =>
  new RejectError('LOSSY_FLOAT', `The number has more digits than ${type} holds.`)
