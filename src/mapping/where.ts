import { RejectError } from '../value.ts'
import { CelError, type CompiledCel, compileCel } from './cel.ts'
import type { RecordScope } from './record.ts'

/** Does the record belong? Throws RejectError (TRANSFORM) where the question cannot be answered: such a record is never just dropped. */
export type Where = (scope: RecordScope) => boolean

/** A `where`, compiled, and the fields of the record it reads. */
export interface CompiledWhere extends Pick<CompiledCel, 'fields' | 'lookups'> {
  readonly test: Where
}

/** Compiles the CEL of `where`. Throws CelError for text that is no CEL, or no question. */
export function compileWhere(cel: string, captures: readonly string[]): CompiledWhere {
  const { fields, lookups, evaluate } = compileQuestion(cel, { what: 'where', captures })
  return { fields, lookups, test: (scope) => evaluate(scope) }
}

/** CEL that is true or false. */
export function compileQuestion(
  cel: string,
  { what, captures }: { readonly what: string; readonly captures: readonly string[] },
): Omit<CompiledCel, 'evaluate'> & { evaluate(...args: Parameters<CompiledCel['evaluate']>): boolean } {
  const compiled = compileCel(cel, { what, captures })
  if (compiled.type !== 'bool' && compiled.type !== 'dyn')
    throw new CelError(`${what} has to be true or false; this gives ${compiled.type}.`)
  return {
    ...compiled,
    evaluate: (...args) => {
      const answer = compiled.evaluate(...args)
      if (typeof answer === 'boolean') return answer
      throw new RejectError('TRANSFORM', `${what} gave neither true nor false for this record.`)
    },
  }
}
