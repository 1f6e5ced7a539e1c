import { instantText, MICROS_PER_DAY, parseDate } from '../calendar.ts'
import { Instant, RejectError } from '../value.ts'
import { mismatch } from './kind.ts'
import { mapText } from './text-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'
import { zoneNamed } from './zone.ts'

export const iso: Transform = {
  name: 'iso',
  summary:
    "A moment, from ISO 8601 with its offset: `2026-01-08T10:00:00Z`. Where the offset is missing the zone has to be said: `iso('UTC')`, `iso('Europe/Vienna')`.",
  parameters: [{ name: 'zone', type: 'text', optional: true }],
  takes: ['text'],
  gives: () => 'instant',
  create: ([zone]) => {
    if (zone !== undefined && typeof zone !== 'string')
      throw new ArgumentError('The zone has to be text, such as UTC or Europe/Vienna.')
    const toUtc = zone === undefined ? undefined : zoneNamed(zone)
    return {
      forward: mapText((text) => {
        const time = readIso(text)
        if (!time) throw notATimestamp()
        if (time.finer)
          throw new RejectError(
            'LOSSY_PRECISION',
            'The time is finer than a microsecond, which Postgres would round.',
          )
        if (time.offset !== undefined) return new Instant(time.micros - BigInt(time.offset) * 60_000_000n)
        if (!toUtc) {
          throw new RejectError(
            'TIMEZONE_MISSING',
            "The time has no zone. If all of them mean the same one, say so: iso('UTC').",
          )
        }
        return new Instant(toUtc(time.micros))
      }),
      inverse: (value) => {
        if (value === null || value === undefined) return value
        if (!(value instanceof Instant)) throw mismatch('a moment', value)
        return instantText(value.micros)
      },
    }
  },
}

/** A time as written: microseconds since 1970 on its own clock, and the offset of that clock in minutes, if it says one. */
export interface WrittenTime {
  readonly micros: bigint
  readonly offset?: number
  /** It has digits that a microsecond cannot hold. */
  readonly finer: boolean
}

const ISO =
  /^((?:\d{4}|[+-]\d{6})-\d\d-\d\d)(?:[Tt ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,100}))?)?([Zz]|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)?)?$/

/** Undefined for text that is no ISO 8601 date and time, or names a day that does not exist. */
export function readIso(text: string): WrittenTime | undefined {
  const match = ISO.exec(text)
  const days = match ? parseDate(match[1] as string) : undefined
  if (!match || days === undefined) return undefined
  const [, , hours = '0', minutes = '0', seconds = '0', fraction = '', offset] = match
  const time = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)
  return {
    micros:
      BigInt(days) * MICROS_PER_DAY + BigInt(time) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')),
    finer: /[1-9]/.test(fraction.slice(6)),
    ...(offset !== undefined && { offset: offsetMinutes(offset) }),
  }
}

/** `Z`, `+05`, `+0530`, `-05:30` in minutes. */
function offsetMinutes(offset: string): number {
  if (/^z$/i.test(offset)) return 0
  const digits = offset.slice(1).replace(':', '').padEnd(4, '0')
  return (offset.startsWith('-') ? -1 : 1) * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2)))
}

const notATimestamp = (): RejectError =>
  new RejectError(
    'NOT_A_TIMESTAMP',
    'Expected a time in ISO 8601, as in 2026-01-08T10:00:00Z, on a day that exists.',
  )
