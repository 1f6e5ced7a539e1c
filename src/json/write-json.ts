import { dateText, instantText } from '../calendar.ts'
import { canonicalNumeric } from '../decimal.ts'
import { CalendarDate, Decimal, Instant, RejectError, type Value, type ValueMap } from '../value.ts'

/** A value as compact JSON: numbers as their source text, keys in their order. Bytes have no JSON form: TYPE_MISMATCH. */
export const writeJson = (value: Value): string => write(value, COMPACT)

/**
 * A value as exactly the text Postgres's jsonb prints: keys by length in bytes, then bytes; `": "` and `", "`; numbers as numeric.
 * Throws NUMERIC_OVERFLOW for a number jsonb cannot hold, VALUE_TOO_LARGE where written-out exponents would fill the memory.
 */
export function canonicalJsonb(value: Value): string {
  let budget = MAX_EXPANSION
  return write(value, {
    comma: ', ',
    colon: ': ',
    entries: sortedEntries,
    number: (text) => {
      const canonical = canonicalNumeric(text)
      budget -= canonical.length - text.length
      if (budget < 0)
        throw new RejectError(
          'VALUE_TOO_LARGE',
          'Written out, the exponents of its numbers take more than 64 MB.',
        )
      return canonical
    },
  })
}

interface Style {
  readonly comma: string
  readonly colon: string
  number(text: string): string
  entries(map: ValueMap): Iterable<readonly [string, Value]>
}

const MAX_EXPANSION = 64 * 1024 * 1024

const COMPACT: Style = { comma: ',', colon: ':', number: (text) => text, entries: (map) => map }

function write(value: Value, style: Style): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value instanceof Decimal) return style.number(value.text)
  if (value instanceof Map) {
    let text = ''
    for (const [key, item] of style.entries(value)) {
      text += `${text === '' ? '' : style.comma}${JSON.stringify(key)}${style.colon}${write(item, style)}`
    }
    return `{${text}}`
  }
  if (Array.isArray(value)) {
    let text = ''
    for (let index = 0; index < value.length; index++)
      text += (index === 0 ? '' : style.comma) + write(value[index], style)
    return `[${text}]`
  }
  if (value instanceof Instant) return JSON.stringify(instantText(value.micros))
  if (value instanceof CalendarDate) return JSON.stringify(dateText(value.days))
  throw new RejectError('TYPE_MISMATCH', 'Bytes have no form in JSON.')
}

function sortedEntries(map: ValueMap): Iterable<readonly [string, Value]> {
  if (map.size < 2) return map
  return [...map]
    .map((entry) => ({ entry, length: Buffer.byteLength(entry[0]) }))
    .sort((a, b) => a.length - b.length || compareUtf8(a.entry[0], b.entry[0]))
    .map(({ entry }) => entry)
}

// UTF-8 orders as code points do, UTF-16 does not (U+E000 comes before U+10000).
function compareUtf8(a: string, b: string): number {
  return ASCII.test(a) && ASCII.test(b) ? (a < b ? -1 : 1) : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is meant
const ASCII = /^[\x00-\x7f]*$/
