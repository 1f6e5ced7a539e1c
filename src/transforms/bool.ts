import type { Literal } from '../plan/expression.ts'
import { Decimal, RejectError } from '../value.ts'
import { mismatch } from './kind.ts'
import { literalValue, wordOf } from './literal.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const bool: Transform = {
  name: 'bool',
  summary:
    'A boolean, from exactly `true` and `false`, or from the words said: `bool(1, 0)`, `bool([yes, y], [no, n])`. No other spelling is guessed.',
  parameters: [
    { name: 'true', type: 'any', optional: true },
    { name: 'false', type: 'any', optional: true },
  ],
  takes: ['text', 'number', 'boolean'],
  gives: () => 'boolean',
  create: (args) => {
    const words = [wordsOf(args[0], 'true'), wordsOf(args[1], 'false')] as const
    const meaning = new Map<string, boolean>([
      ...words[0].map((it) => [it, true] as const),
      ...words[1].map((it) => [it, false] as const),
    ])
    if (meaning.size < words[0].length + words[1].length)
      throw new ArgumentError('A word cannot mean true and false.')
    const [yes, no] = args.length === 0 ? [true, false] : [first(args[0], true), first(args[1], false)]
    return {
      forward: (value) => {
        if (value === null || value === undefined || typeof value === 'boolean') return value
        if (typeof value !== 'string' && !(value instanceof Decimal)) throw mismatch('a boolean', value)
        const answer = meaning.get(typeof value === 'string' ? value : value.text)
        if (answer === undefined)
          throw new RejectError('NOT_A_BOOLEAN', 'The value is none of the words for true and false.')
        return answer
      },
      inverse: (value) => (value === true ? yes : value === false ? no : value),
      injective: args.length === 0,
    }
  },
}

function wordsOf(argument: Literal | undefined, fallback: string): readonly string[] {
  if (argument === undefined) return [fallback]
  const words = Array.isArray(argument) ? argument.map(wordOf) : [wordOf(argument)]
  if (words.length === 0) throw new ArgumentError('The list of words is empty.')
  return words
}

const first = (argument: Literal | undefined, fallback: boolean) =>
  argument === undefined ? String(fallback) : literalValue(Array.isArray(argument) ? argument[0] : argument)
