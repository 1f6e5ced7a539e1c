import type { Literal } from '../plan/expression.ts'
import { kindOf } from './kind.ts'
import { ArgumentError, type Transform } from './transform.ts'

/** Kinds that JSON can tell apart, by the words of the language. */
const KINDS = ['text', 'number', 'boolean', 'list', 'object'] as const

export const only: Transform = {
  name: 'only',
  summary:
    "The value if it is of this kind, or of one of several; else missing: `only('text')`, `only([list, object])`. For a field that is now one and now the other, each in a column of its own. Kinds are text, number, boolean, list, object.",
  parameters: [{ name: 'kinds', type: 'any' }],
  takes: ['any'],
  gives: () => 'any',
  oneWay: 'values of other kinds are left out',
  create: ([literal]) => {
    const kinds = kindsOf(literal)
    return {
      forward: (value) => {
        if (value === null || value === undefined) return value
        const kind = kindOf(value)
        return kinds.has(kind === 'array' ? 'list' : kind) ? value : undefined
      },
    }
  },
}

function kindsOf(literal: Literal | undefined): ReadonlySet<string> {
  const named = Array.isArray(literal) ? literal : [literal]
  for (const it of named)
    if (!(KINDS as readonly unknown[]).includes(it))
      throw new ArgumentError(`A kind is one of ${KINDS.join(', ')}.`)
  return new Set(named)
}
