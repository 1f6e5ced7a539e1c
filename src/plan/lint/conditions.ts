import { Environment, type TypeCheckResult } from '@marcbachmann/cel-js'
import { didYouMean } from '../../diagnostic.ts'
import { scopeOf } from '../mapping-scope.ts'
import type { Mapping } from '../plan.ts'
import { listOf } from '../problem.ts'
import { type LintScope, mappings } from './scope.ts'

/** Every `where` is CEL that can be evaluated: syntax, functions, and the roots that its mapping has. */
export function conditions(scope: LintScope): void {
  for (const { mapping } of mappings(scope))
    if (mapping.where) checkCondition(mapping, mapping.where.cel, scope)
}

/** Roots of expressions that conditions have under the same name. */
const SHARED = ['item', 'field', 'member', 'score', 'index', 'name', 'parent', 'message', 'value'] as const

function checkCondition(mapping: Mapping, cel: string, { notes, catalog }: LintScope): void {
  const { roots } = scopeOf(mapping, catalog)
  const known = ['r', 'key', ...SHARED.filter((it) => roots.has(it))]
  const { valid, type, error } = environment(known).check(cel)
  const node = notes.node(mapping, 'where')
  if (!node) return
  if (!valid && error) {
    const offset = error.range?.start ?? 0
    notes.problems(node, [{ code: 'KV036', offset, ...explain(error, known) }])
  } else if (type !== 'bool' && type !== 'dyn')
    notes.problems(node, [
      { code: 'KV036', offset: 0, message: `A condition is true or false; this is of type ${type}.` },
    ])
}

const environments = new Map<string, Environment>()

function environment(variables: readonly string[]): Environment {
  const id = variables.join()
  const known = environments.get(id)
  if (known) return known
  const made = new Environment({ unlistedVariablesAreDyn: false, enableOptionalTypes: true })
  for (const it of variables) made.registerVariable(it, 'dyn')
  environments.set(id, made)
  return made
}

function explain(
  error: NonNullable<TypeCheckResult['error']>,
  known: readonly string[],
): { message: string; hint?: string } {
  const unknown = /^Unknown variable: (.+)$/.exec(error.summary)?.[1]
  if (unknown !== undefined) {
    const meant = didYouMean(unknown, known)
    const hint = meant
      ? `Did you mean "${meant}"?`
      : `The record is r: r.${unknown}. Here you have ${listOf(known)}.`
    return { message: `There is no ${unknown} in conditions.`, hint }
  }
  const sentence = `${error.summary.replace(/\.$/, '')}.`
  const message = `This is no condition: ${sentence[0]!.toLowerCase()}${sentence.slice(1)}`
  return {
    message,
    ...(/\b(?:now|rand\w*)\(/.test(error.summary) && {
      hint: 'Conditions cannot look at the clock or at chance.',
    }),
  }
}
