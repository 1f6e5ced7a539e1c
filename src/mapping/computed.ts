import type { Value } from '../value.ts'
import { type CompiledCel, compileCel } from './cel.ts'
import { dataOf } from './cel-data.ts'
import type { RecordScope } from './record.ts'

/** A computed column, compiled, and the fields of the record it reads. Throws CelError for text that is no CEL. */
export function compileComputed(
  cel: string,
  captures: readonly string[],
): Pick<CompiledCel, 'fields' | 'lookups'> & { evaluate(scope: RecordScope): Value } {
  const { fields, lookups, evaluate } = compileCel(cel, { what: 'computed', captures, exact: true })
  return { fields, lookups, evaluate: (scope) => dataOf(evaluate(scope)) }
}
