import { Environment, type TypeCheckResult } from '@marcbachmann/cel-js'
import { didYouMean } from '../../diagnostic.ts'
import { CEL_LOOKUPS } from '../cel-lookups.ts'
import { scopeOf } from '../mapping-scope.ts'
import type { Mapping } from '../plan.ts'
import { listOf } from '../problem.ts'
import type { YamlNode } from '../yaml.ts'
import { type LintScope, mappings } from './scope.ts'

/** Every `where`, computed column and condition of `decode` is CEL that can be evaluated: syntax, functions, and the roots it has. */
export function conditions(scope: LintScope): void {
  for (const { mapping } of mappings(scope)) {
    const known = rootsOf(mapping, scope)
    const check = (cel: string, node: YamlNode | undefined, options: CheckOptions) =>
      checkCel(cel, node, { notes: scope.notes, known, asks: true, ...options })
    if (mapping.where) check(mapping.where.cel, scope.notes.node(mapping, 'where'), { isQuestion: true })
    for (const { column, expression } of mapping.fields)
      if (expression.kind === 'cel')
        check(expression.cel, scope.notes.node(mapping, 'computed', column), { isQuestion: false })
    for (const { when } of mapping.decode) {
      if (!when) continue
      const node = scope.notes.node(mapping, 'decode', when.group, 'if')
      check(when.cel, node, {
        isQuestion: true,
        asks: false,
        known: [...DECODING, ...known.filter(isOfStore)],
      })
    }
  }
}

/** What a condition of `decode` sees. */
const DECODING = ['r', 'value', 'key'] as const
const isOfStore = (root: string): boolean => ['field', 'index', 'score'].includes(root)

/** Roots of expressions that conditions have under the same name. */
const SHARED = ['item', 'field', 'member', 'score', 'index', 'name', 'parent', 'message', 'value'] as const

function rootsOf(mapping: Mapping, { catalog }: LintScope): readonly string[] {
  const { roots } = scopeOf(mapping, catalog)
  return ['r', 'key', ...SHARED.filter((it) => roots.has(it))]
}

interface CheckOptions {
  /** Has it to be true or false? */
  readonly isQuestion: boolean
  readonly known?: readonly string[]
  /** May it ask other keys? */
  readonly asks?: boolean
}

function checkCel(
  cel: string,
  node: YamlNode | undefined,
  { isQuestion, asks, known, notes }: Required<CheckOptions> & Pick<LintScope, 'notes'>,
): void {
  if (!node) return
  const { valid, type, error } = environment(known, asks).check(cel)
  if (!valid && error) {
    const offset = error.range?.start ?? 0
    notes.problems(node, [{ code: 'KV036', offset, ...explain(error, known) }])
  } else if (isQuestion && type !== 'bool' && type !== 'dyn')
    notes.problems(node, [
      { code: 'KV036', offset: 0, message: `A condition is true or false; this is of type ${type}.` },
    ])
}

const environments = new Map<string, Environment>()

function environment(variables: readonly string[], asks: boolean): Environment {
  const id = `${variables.join()} ${asks}`
  const known = environments.get(id)
  if (known) return known
  const made = new Environment({
    unlistedVariablesAreDyn: false,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
  })
  for (const it of variables) made.registerVariable(it, 'dyn')
  if (asks) for (const it of Object.values(CEL_LOOKUPS)) made.registerFunction(it, () => null)
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
    return { message: `There is no ${unknown} here.`, hint }
  }
  const sentence = `${error.summary.replace(/\.$/, '')}.`
  const message = `This is no CEL: ${sentence[0]!.toLowerCase()}${sentence.slice(1)}`
  return {
    message,
    ...(/\b(?:now|rand\w*)\(/.test(error.summary) && {
      hint: 'CEL cannot look at the clock or at chance here.',
    }),
  }
}
