import { isUtf8 } from 'node:buffer'
import { daysOf } from '../calendar.ts'

/** Can a text column hold what lies between these places? */
export function isText(bytes: Buffer, start: number, end: number): boolean {
  let isAscii = true
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte === 0) return false
    if (byte >= 0x80) isAscii = false
  }
  return isAscii || isUtf8(bytes.subarray(start, end))
}

/** `0`, or digits without leading zeros that a double holds, perhaps behind a minus sign; else NaN. */
export function plainInteger(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === 0x2d
  const first = isNegative ? start + 1 : start
  if (end <= first || end - first > 16 || (bytes[first] === 0x30 && (isNegative || end > first + 1)))
    return Number.NaN
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  if (!Number.isSafeInteger(value)) return Number.NaN
  return isNegative ? -value : value
}

export function spells(word: string, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== word.length) return false
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word.charCodeAt(at)) return false
  return true
}

// `2026-01-08T10:00:00Z`, and with a point and one to six digits before the Z.
const SECONDS_END = 19
const LONGEST = 27

/** Microseconds since 1970 of a time as JSON.stringify writes a Date; NaN for every other form. */
export function isoMicros(bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length <= SECONDS_END || length > LONGEST || bytes[end - 1] !== 0x5a) return Number.NaN
  for (let place = 0; place < ISO_SIGNS.length; place += 2)
    if (bytes[start + ISO_SIGNS[place]!] !== ISO_SIGNS[place + 1]) return Number.NaN
  const hours = digits(bytes, start + 11, 2)
  const minutes = digits(bytes, start + 14, 2)
  const seconds = digits(bytes, start + 17, 2)
  const days = daysOf(digits(bytes, start, 4), digits(bytes, start + 5, 2), digits(bytes, start + 8, 2))
  if (days === undefined || !(hours <= 23 && minutes <= 59 && seconds <= 59)) return Number.NaN
  const places = length - SECONDS_END - 2
  if (length > SECONDS_END + 1 && (bytes[start + SECONDS_END] !== 0x2e || places === 0)) return Number.NaN
  const fraction = places > 0 ? digits(bytes, start + SECONDS_END + 1, places) * 10 ** (6 - places) : 0
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction
}

/** Places, and what stands there. */
const ISO_SIGNS = [4, 0x2d, 7, 0x2d, 10, 0x54, 13, 0x3a, 16, 0x3a] as const

function digits(bytes: Buffer, start: number, count: number): number {
  let value = 0
  for (let at = start; at < start + count; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}
