import type { Value } from '../value.ts'
import { mismatch } from './kind.ts'
import type { Transform } from './transform.ts'

export const withoutNulls: Transform = {
  name: 'without_nulls',
  summary:
    'An object without its fields that are null; missing if none is left. For `rest() | without_nulls`.',
  parameters: [],
  takes: ['object'],
  gives: () => 'object',
  oneWay: 'which fields were null is forgotten',
  create: () => ({
    forward: (value) => {
      if (value === null || value === undefined) return value
      if (!(value instanceof Map)) throw mismatch('an object', value)
      const left = new Map(
        [...(value as ReadonlyMap<string, Value>)].filter(([, it]) => it !== null && it !== undefined),
      )
      return left.size === 0 ? undefined : left
    },
  }),
}
