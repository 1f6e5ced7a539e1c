import type { Parameter } from '../plan/catalog.ts'
import type { Literal } from '../plan/expression.ts'
import type { Value, ValueKind } from '../value.ts'

/**
 * A named pure function from value to value. It may look at its input and its arguments, never at the clock or at chance.
 * Missing (`undefined`) and null pass through untouched unless the transform says that it takes them.
 */
export interface Transform {
  readonly name: string
  /** One sentence for the table in docs/language.md. */
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly takes: readonly ValueKind[]
  gives(input: ValueKind): ValueKind
  /** Where the arguments say what it takes and gives. Undefined for arguments that do not. */
  typesOf?(
    args: readonly Literal[],
  ): { readonly takes: readonly ValueKind[]; readonly gives: ValueKind } | undefined
  /** True where missing and null are the transform's business (`default`, `null_if`, `present`). */
  readonly takesAbsent?: boolean
  /** Why the way back loses something; undefined where `create` gives an inverse. */
  readonly oneWay?: string
  /** Compiles it for its arguments. Throws `ArgumentError` for arguments that make no sense. */
  create(args: readonly Literal[]): TransformFunction
}

export interface TransformFunction {
  /** Throws `RejectError` for a value that it cannot take. */
  forward(value: Value): Value
  /** `forward(inverse(forward(x)))` equals `forward(x)`; and `inverse(forward(x))` equals x in canonical form. */
  inverse?(value: Value): Value
  /** True if two different values never give the same one: keys may pass through it. */
  readonly injective?: boolean
}

/** Arguments that make no sense: shown to the plan's author with the position of the expression. */
export class ArgumentError extends Error {}
