import { readJson } from '../json/read-json.ts'
import { mismatch } from './kind.ts'
import { mapText } from './text-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const list: Transform = {
  name: 'list',
  summary:
    'A list written as a JSON array, or as texts with a separator (a comma unless said) between them; empty text is an empty list.',
  parameters: [{ name: 'separator', type: 'text', optional: true }],
  takes: ['text', 'array'],
  gives: () => 'array',
  oneWay: 'which of the two forms it had is forgotten',
  create: ([separator = ',']) => {
    if (typeof separator !== 'string' || separator === '')
      throw new ArgumentError('The separator has to be text, and not empty.')
    const read = mapText((text) => readList(text, separator))
    return { forward: (value) => (Array.isArray(value) ? value : read(value)) }
  },
}

/** Text that begins with `[` has to be a JSON array (INVALID_JSON otherwise). */
export function readList(text: string, separator: string) {
  if (text === '') return []
  if (!text.startsWith('[')) return text.split(separator)
  const value = readJson(text)
  if (!Array.isArray(value)) throw mismatch('a list', value)
  return value
}
