import type { Literal } from '../plan/expression.ts'
import type { Value } from '../value.ts'
import { mismatch } from './kind.ts'
import { ArgumentError, type Transform } from './transform.ts'

/** `each('int')`: another transform for every element of a list. Made of the transforms that there are, which it is one of. */
export const eachOf = (transforms: () => readonly Transform[]): Transform => ({
  name: 'each',
  summary:
    "Another transform for every element of a list: `ids | split(',') | each('int')`, `opened | each('epoch_ms')`, `names | each('before', ' ')`. What is null in the list stays null.",
  parameters: [
    { name: 'transform', type: 'text' },
    { name: 'first', type: 'any', optional: true },
    { name: 'second', type: 'any', optional: true },
  ],
  takes: ['array'],
  gives: () => 'array',
  create: ([name, ...args]) => {
    const one = transforms().find((it) => it.name === name)
    if (!one) throw new ArgumentError(`There is no transform ${JSON.stringify(name)}.`)
    if (NOT_HERE.includes(one.name))
      throw new ArgumentError(`each() is for one element, and ${one.name} is not: say it behind the list.`)
    const { least, most } = arity(one)
    if (args.length < least || args.length > most)
      throw new ArgumentError(
        `${one.name} takes ${least === most ? least : `${least} to ${most}`} arguments.`,
      )
    const { forward, inverse, injective } = one.create(args as readonly Literal[])
    return {
      forward: overList(forward),
      ...(inverse && { inverse: overList(inverse) }),
      ...(injective && { injective }),
    }
  },
})

/** A missing element would make the list shorter, and a script has to be read from its file. */
const NOT_HERE: readonly string[] = ['each', 'js', 'only', 'at', 'after']

const arity = ({ parameters }: Transform) => ({
  least: parameters.filter((it) => !it.optional).length,
  most: parameters.length,
})

const overList =
  (of: (value: Value) => Value) =>
  (value: Value): Value => {
    if (value === null || value === undefined) return value
    if (!Array.isArray(value)) throw mismatch('a list', value)
    return value.map((it: Value) => of(it) ?? null)
  }
