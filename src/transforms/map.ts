import type { Literal } from '../plan/expression.ts'
import { RejectError, type Value } from '../value.ts'
import { literalValue, wordOf } from './literal.ts'
import { mapText } from './text-transform.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const map: Transform = {
  name: 'map',
  summary:
    'One word for another: `map({ A: active, X: deleted })`. Other words are refused, or become the second argument.',
  parameters: [
    { name: 'words', type: 'map' },
    { name: 'otherwise', type: 'any', optional: true },
  ],
  takes: ['text'],
  gives: () => 'any',
  create: ([words, otherwise]) => {
    if (!(words instanceof Map) || words.size === 0)
      throw new ArgumentError('Expected words and what they become: map({ A: active }).')
    const table = new Map<string, Value>(
      [...(words as ReadonlyMap<string, Literal>)].map(([word, it]) => [word, literalValue(it)]),
    )
    const back = new Map([...(words as ReadonlyMap<string, Literal>)].map(([word, it]) => [wordOf(it), word]))
    const isReversible = otherwise === undefined && back.size === table.size
    const fallback = otherwise === undefined ? undefined : literalValue(otherwise)
    return {
      forward: mapText((text) => {
        const value = table.get(text) ?? fallback
        if (value === undefined)
          throw new RejectError('NOT_IN_ENUM', 'The value is none of the words that the plan lists.')
        return value
      }),
      ...(isReversible && {
        inverse: (value: Value) =>
          value === null || value === undefined ? value : back.get(wordOfValue(value)),
      }),
      injective: isReversible,
    }
  },
}

const wordOfValue = (value: Value): string =>
  typeof value === 'object' && value !== null && 'text' in value ? String(value.text) : String(value)
