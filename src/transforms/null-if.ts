import { isSameNumber } from '../decimal.ts'
import { Decimal, type Value } from '../value.ts'
import { literalValue } from './literal.ts'
import { ArgumentError, type Transform } from './transform.ts'

export const nullIf: Transform = {
  name: 'null_if',
  summary: "NULL where it is this value, or one of a list: `null_if('')`, `null_if(['null', 'none'])`.",
  parameters: [{ name: 'values', type: 'any' }],
  takes: ['text', 'number', 'boolean'],
  gives: (input) => input,
  create: ([literal]) => {
    const nulls = Array.isArray(literal)
      ? literal.map(literalValue)
      : literal === undefined
        ? []
        : [literalValue(literal)]
    const [only] = nulls
    if (only === undefined) throw new ArgumentError('Say which value stands for NULL.')
    return {
      forward: (value) => (nulls.some((it) => isSame(it, value)) ? null : value),
      // With several values nobody knows which of them it was.
      ...(nulls.length === 1 && { inverse: (value: Value) => value ?? only }),
    }
  },
}

const isSame = (one: Value, other: Value): boolean =>
  one instanceof Decimal && other instanceof Decimal ? isSameNumber(one.text, other.text) : one === other
