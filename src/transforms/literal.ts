import type { Literal } from '../plan/expression.ts'
import { Decimal, type Value } from '../value.ts'
import { ArgumentError } from './transform.ts'

/** Literal data of an expression as a value. */
export function literalValue(literal: Literal): Value {
  if (literal === null || typeof literal !== 'object') return literal
  if (isNumber(literal)) return new Decimal(literal.number)
  if (literal instanceof Map) return new Map([...literal].map(([key, item]) => [key, literalValue(item)]))
  return (literal as readonly Literal[]).map(literalValue)
}

/** The argument at `index`, which has to be text and not empty. Throws ArgumentError. */
export function textArgument(args: readonly Literal[], index: number, name: string): string {
  const value = args[index]
  if (typeof value !== 'string' || value === '')
    throw new ArgumentError(`${name} has to be text, and not empty.`)
  return value
}

/** The argument at `index`, which has to be a number; its source text. Throws ArgumentError. */
export function numberArgument(args: readonly Literal[], index: number, name: string): string {
  const value = args[index]
  if (value === undefined || !isNumber(value)) throw new ArgumentError(`${name} has to be a number.`)
  return value.number
}

/** A literal as the text it is compared with: `1`, `true`, `yes`. Throws ArgumentError for null, lists and maps. */
export function wordOf(literal: Literal): string {
  if (typeof literal === 'string') return literal
  if (typeof literal === 'boolean') return String(literal)
  if (isNumber(literal)) return literal.number
  throw new ArgumentError('Expected words: text, numbers, true or false.')
}

const isNumber = (literal: Literal): literal is { readonly number: string } =>
  literal !== null && typeof literal === 'object' && 'number' in literal && !(literal instanceof Map)
