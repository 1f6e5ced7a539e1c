import { dateText, parseDate } from '../calendar.ts'
import { CalendarDate, RejectError } from '../value.ts'
import { readIso } from './iso.ts'
import { mismatch } from './kind.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const date: Transform = {
  name: 'date',
  summary: 'A calendar day, from `2026-01-08`. A day with a time of day is refused: the time would be lost.',
  parameters: [],
  takes: ['text'],
  gives: () => 'date',
  create: () => ({
    forward: mapText((text) => {
      const days = parseDate(text)
      if (days !== undefined) return new CalendarDate(days)
      if (readIso(text))
        throw new RejectError('LOSSY_PRECISION', 'A date column would forget the time of day.')
      throw new RejectError('NOT_A_DATE', 'Expected a day of the calendar, as in 2026-01-08.')
    }),
    inverse: (value) => {
      if (value === null || value === undefined) return value
      if (!(value instanceof CalendarDate)) throw mismatch('a date', value)
      return dateText(value.days)
    },
    injective: true,
  }),
}
