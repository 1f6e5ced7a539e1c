import { dateText, instantText } from '../calendar.ts'
import { CalendarDate, Decimal, Instant } from '../value.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const text: Transform = {
  name: 'text',
  summary: 'Text as it is; a number as it was written, a boolean as `true` or `false`, a time in ISO 8601.',
  parameters: [],
  takes: ['text', 'number', 'boolean', 'instant', 'date'],
  gives: () => 'text',
  oneWay: 'whether it was text before is forgotten',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined || typeof value === 'string') return value
      if (typeof value === 'boolean') return String(value)
      if (value instanceof Decimal) return value.text
      if (value instanceof Instant) return instantText(value.micros)
      if (value instanceof CalendarDate) return dateText(value.days)
      throw mismatch('text, a number, a boolean or a time', value)
    },
  }),
}
