import { mismatch } from './kind.ts'
import { textArgument } from './literal.ts'
import { mapText } from './text-transform.ts'
import type { Transform } from './transform.ts'

export const split: Transform = {
  name: 'split',
  summary: 'A list of the texts between separators; empty text is an empty list.',
  parameters: [{ name: 'separator', type: 'text' }],
  takes: ['text'],
  gives: () => 'array',
  create: (args) => {
    const separator = textArgument(args, 0, 'The separator')
    return {
      forward: mapText((text) => (text === '' ? [] : text.split(separator))),
      inverse: (value) => {
        if (value === null || value === undefined) return value
        if (!Array.isArray(value)) throw mismatch('a list', value)
        return value.join(separator)
      },
      injective: true,
    }
  },
}
