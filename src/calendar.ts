/**
 * The proleptic Gregorian calendar with a year 0 (ISO 8601, as Postgres counts inside), in whole numbers: no Date, no time zone, no
 * limit at the year 9999.
 */

export const MICROS_PER_DAY = 86_400_000_000n

/** Days since 1970-01-01; undefined for a day that does not exist. Months and days count from 1. */
export function daysOf(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
  // Howard Hinnant's days_from_civil: years begin in March, so that the leap day comes last.
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** The date of a day since 1970-01-01. */
export function civil(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const month = Math.floor((5 * dayOfYear + 2) / 153)
  return {
    year: yearOfEra + era * 400 + (month >= 10 ? 1 : 0),
    month: month + (month < 10 ? 3 : -9),
    day: dayOfYear - Math.floor((153 * month + 2) / 5) + 1,
  }
}

const DATE = /^(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)$/

/** `2026-01-08` (or `+010000-01-01`, `-000043-03-15`) as days since 1970-01-01; undefined for anything else. */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text)
  if (!match || match[1] === '-000000') return undefined
  return daysOf(Number(match[1]), Number(match[2]), Number(match[3]))
}

/** `2026-01-08`; six digits and a sign beyond the years 0 to 9999. */
export function dateText(days: number): string {
  const { year, month, day } = civil(days)
  const digits = String(Math.abs(year)).padStart(year < 0 || year > 9999 ? 6 : 4, '0')
  return `${year < 0 ? '-' : year > 9999 ? '+' : ''}${digits}-${pad(month)}-${pad(day)}`
}

/** As JavaScript writes it, `2026-01-08T10:00:00.000Z`, with six digits where milliseconds are not enough. */
export function instantText(micros: bigint): string {
  const days = floorDivide(micros, MICROS_PER_DAY)
  const time = Number(micros - days * MICROS_PER_DAY)
  const seconds = Math.floor(time / 1_000_000)
  const fraction = String(time % 1_000_000).padStart(6, '0')
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(pad).join(':')
  return `${dateText(Number(days))}T${clock}.${fraction.endsWith('000') ? fraction.slice(0, 3) : fraction}Z`
}

export const floorDivide = (dividend: bigint, divisor: bigint): bigint => {
  const quotient = dividend / divisor
  return dividend % divisor < 0n ? quotient - 1n : quotient
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const
const daysInMonth = (year: number, month: number): number =>
  month === 2 && isLeap(year) ? 29 : (DAYS[month - 1] ?? 0)
const pad = (value: number): string => String(value).padStart(2, '0')
