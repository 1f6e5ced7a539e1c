import { daysOf, floorDivide, MICROS_PER_DAY } from '../calendar.ts'
import { RejectError } from '../value.ts'
import { ArgumentError } from './transform.ts'

/**
 * How a wall clock of this zone (`UTC`, `+05:30`, `Europe/Vienna`) becomes UTC, in microseconds. Throws ArgumentError for a zone nobody
 * knows; the function rejects times that its clock skips (NOT_A_TIMESTAMP) or shows twice (TIMEZONE_MISSING).
 */
export function zoneNamed(zone: string): (wallMicros: bigint) => bigint {
  if (zone === 'UTC' || zone === 'Z') return (micros) => micros
  const fixed = /^([+-])(0\d|1[0-5]):([0-5]\d)$/.exec(zone)
  if (fixed) {
    const minutes = (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3]))
    return (micros) => micros - BigInt(minutes) * 60_000_000n
  }
  const offsetAt = offsetsOf(zone)
  return (micros) => {
    // Zones change their offset by less than a day: what holds a day earlier and a day later are the candidates.
    const candidates = new Set([offsetAt(micros - MICROS_PER_DAY), offsetAt(micros + MICROS_PER_DAY)])
    const [first, second] = [...candidates]
      .map((offset) => micros - offset)
      .filter((utc) => utc + offsetAt(utc) === micros)
    if (first === undefined) throw new RejectError('NOT_A_TIMESTAMP', `Clocks in ${zone} skip this time.`)
    if (second !== undefined)
      throw new RejectError('TIMEZONE_MISSING', `Clocks in ${zone} show this time twice: it needs an offset.`)
    return first
  }
}

/** The zone's offset from UTC at a moment, both in microseconds. */
function offsetsOf(zone: string): (utcMicros: bigint) => bigint {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    throw new ArgumentError(
      `There is no time zone "${zone}". Expected UTC, an offset such as +05:30, or a name such as Europe/Vienna.`,
    )
  }
  return (utcMicros) => {
    const millis = Number(floorDivide(utcMicros, 1_000_000n)) * 1000
    if (Math.abs(millis) > 8.64e15)
      throw new RejectError('TIMESTAMP_IMPLAUSIBLE', `The time is too far away for the rules of ${zone}.`)
    const parts = Object.fromEntries(format.formatToParts(millis).map((it) => [it.type, it.value]))
    const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year)
    const days = daysOf(year, Number(parts.month), Number(parts.day)) ?? 0
    const seconds = ((days * 24 + Number(parts.hour)) * 60 + Number(parts.minute)) * 60 + Number(parts.second)
    return BigInt(seconds - millis / 1000) * 1_000_000n
  }
}
