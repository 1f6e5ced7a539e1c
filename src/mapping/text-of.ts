import { dateText } from '../calendar.ts'
import type { KeyPattern } from '../plan/key-pattern.ts'
import { CalendarDate, Decimal, type Value } from '../value.ts'

/** Text of what a key, a name or a field of a hash holds. */
export function textOf(value: Value): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Decimal) return value.text
  if (value instanceof CalendarDate) return dateText(value.days)
  throw new Error('a row lacks what the way back needs')
}

/** The key made again: from the whole of it, where something has that, else from its captures. */
export function keyFrom(match: KeyPattern, read: (root: string) => Value): Buffer {
  const whole = read('key')
  if (whole !== undefined) return Buffer.from(textOf(whole))
  return Buffer.from(
    match.parts.map((part) => (part.kind === 'literal' ? part.text : textOf(read(part.name)))).join(''),
  )
}
