import { mismatch } from './kind.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const join: Transform = {
  name: 'join',
  summary: 'The texts of a list, with a separator between them.',
  parameters: [{ name: 'separator', type: 'text' }],
  takes: ['array'],
  gives: () => 'text',
  oneWay: 'a separator inside an element cannot be told from one between them',
  create: ([separator]) => {
    if (typeof separator !== 'string') throw new ArgumentError('The separator has to be text.')
    return {
      forward: (value) => {
        if (value === null || value === undefined) return value
        if (!Array.isArray(value)) throw mismatch('a list', value)
        for (const item of value)
          if (typeof item !== 'string') throw mismatch('a list of texts, with text in each place', item)
        return value.join(separator)
      },
    }
  },
}
