import { readJson } from '../json/read-json.ts'
import { Decimal } from '../value.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const vector: Transform = {
  name: 'vector',
  summary: 'A list of numbers, from a list or from text such as `[0.1, 0.2]`.',
  parameters: [],
  takes: ['array', 'text'],
  gives: () => 'array',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      const items = typeof value === 'string' ? readJson(value) : value
      if (!Array.isArray(items)) throw mismatch('a list of numbers', items)
      for (const item of items)
        if (!(item instanceof Decimal)) throw mismatch('a list of numbers, with a number in each place', item)
      return items
    },
    inverse: (value) => value,
  }),
}
