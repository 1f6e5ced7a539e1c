import { didYouMean } from '../diagnostic.ts'
import type { ValueKind } from '../value.ts'
import type { PlanCatalog } from './catalog.ts'
import { CLOCK_HINT, CLOCKS } from './clock-words.ts'
import { type Expression, showPath } from './expression.ts'
import { checkArguments } from './expression-arguments.ts'
import { ARTICLE, kindOfLiteral } from './literal-kind.ts'
import {
  isChoice,
  isLookup,
  isSame,
  LOOKUPS,
  type Lookup,
  LookupMistake,
  lookedAt,
  readLookup,
} from './lookup.ts'
import { listOf, type Problem, quote } from './problem.ts'

/** What an expression can see in its mapping. */
export interface ExpressionScope {
  readonly transforms: PlanCatalog['transforms']
  /** Roots by name, without `$`, captures among them, with the kind each has. */
  readonly roots: ReadonlyMap<string, ValueKind>
  /** Why a root is not there, for those that exist elsewhere: `field` → `It needs each: field.` */
  readonly absentRoots?: ReadonlyMap<string, string>
  /** What bare paths go into: data of any shape, an object whose fields are text (a hash), or something without fields. */
  readonly record: RecordShape
  /** Of an object whose fields are text: those that are decoded, and what that gives. */
  readonly decoded?: ReadonlyMap<string, ValueKind>
}

export type RecordShape = 'any' | 'fields' | 'text' | 'list'

/** Functions of the language. */
const FUNCTIONS = ['const', 'rest', 'same', 'least', 'greatest', ...LOOKUPS] as const

/**
 * The static kind of an expression, and everything that is wrong with it: unknown roots, transforms and functions, arguments,
 * transforms that cannot take what comes before them. Where something is wrong the kind is `any`, so that one mistake is told once.
 */
export function kindOf(
  expression: Expression,
  scope: ExpressionScope,
): { readonly kind: ValueKind; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const kind = kindIn(expression, scope, problems)
  return { kind, problems }
}

function kindIn(expression: Expression, scope: ExpressionScope, problems: Problem[]): ValueKind {
  switch (expression.kind) {
    case 'literal':
      return kindOfLiteral(expression.value)
    case 'path':
      return kindOfPath(expression, scope, problems)
    case 'root':
      return kindOfRoot(expression, scope, problems)
    case 'call':
      return kindOfCall(expression, scope, problems)
    case 'cel':
      // What CEL gives is judged value by value; conditions.ts looks at the text.
      return 'any'
    case 'coalesce':
      return common(expression.options.map((it) => kindIn(it, scope, problems)))
    case 'pipe':
      return kindOfPipe(expression, scope, problems)
  }
}

// What several possibilities have in common; null says nothing about the others.
function common(kinds: readonly ValueKind[]): ValueKind {
  const present = new Set(kinds.filter((it) => it !== 'null'))
  if (present.size === 0) return 'null'
  return present.size === 1 ? [...present][0]! : 'any'
}

function kindOfPath(
  { path, span }: Extract<Expression, { kind: 'path' }>,
  { record, decoded }: ExpressionScope,
  problems: Problem[],
): ValueKind {
  const shown = showPath(path, '')
  if (record === 'any') return 'any'
  if (record === 'fields') {
    const kind = decoded?.get(String(path[0])) ?? 'text'
    if (path.length === 1) return kind
    if (kind === 'any' || kind === 'object' || kind === 'array') return 'any'
    problems.push({
      code: 'KV038',
      offset: span.start,
      message: `The fields of a hash are text, so there is nothing inside ${quote(String(path[0]))}.`,
      hint: `If it holds JSON, read the hash with "each: field" and "decode: json", or take the field whole: ${showPath(path.slice(0, 1), '')} | json.`,
    })
    return 'any'
  }
  const what = record === 'text' ? 'text' : 'a list'
  problems.push({
    code: 'KV038',
    offset: span.start,
    message: `The record is ${what} and has no field ${quote(shown)}.`,
    hint:
      record === 'text'
        ? `Say "decode: json" if it holds JSON, $value for the text itself, or const('${shown}') for the word.`
        : 'Use "each" to make a record of every element, or $value for the whole.',
  })
  return 'any'
}

function kindOfRoot(
  { root, path, span }: Extract<Expression, { kind: 'root' }>,
  scope: ExpressionScope,
  problems: Problem[],
): ValueKind {
  const kind = scope.roots.get(root)
  if (kind === undefined) {
    const reason = scope.absentRoots?.get(root)
    const meant = didYouMean(root, scope.roots.keys())
    const known = [...scope.roots.keys()].map((it) => `$${it}`)
    problems.push({
      code: 'KV031',
      offset: span.start,
      message: reason ? `There is no $${root} here.` : `There is no root or capture $${root}.`,
      hint: reason ?? (meant ? `Did you mean "$${meant}"?` : `Here you have ${listOf(known)}.`),
    })
    return 'any'
  }
  if (path.length === 0) return kind
  if (kind === 'any' || kind === 'object' || kind === 'array') return 'any'
  problems.push({
    code: 'KV038',
    offset: span.start,
    message: `$${root} is ${ARTICLE[kind]} and has nothing inside.`,
    hint: `Take it whole, or make it JSON first: $${root} | json.`,
  })
  return 'any'
}

function kindOfCall(
  call: Extract<Expression, { kind: 'call' }>,
  scope: ExpressionScope,
  problems: Problem[],
): ValueKind {
  const { name, span } = call
  const problem = (code: 'KV032' | 'KV035' | 'KV038' | 'KV073', message: string, hint?: string) => {
    problems.push({ code, offset: span.start, message, ...(hint && { hint }) })
    return 'any' as const
  }
  if (name === 'rest') {
    if (call.arguments.length > 0) return problem('KV032', 'rest() takes no arguments.')
    if (scope.record === 'text' || scope.record === 'list')
      return problem(
        'KV038',
        'rest() is every field that no other column takes, but this record has no fields.',
      )
    return 'object'
  }
  if (name === 'const') {
    const [first, ...others] = call.arguments
    if (first?.kind !== 'data' || others.length > 0)
      return problem(
        'KV032',
        'const() takes one value.',
        "Such as const(session), const('any text') or const([]).",
      )
    return kindOfLiteral(first.value)
  }
  if (CLOCKS.has(name.toLowerCase()))
    return problem('KV073', `There is no ${name}(): a second run has to give the same rows.`, CLOCK_HINT)
  if (isLookup(name)) return kindOfLookup(call, scope, problems)
  if (isSame(name)) {
    if (call.arguments.length < 2 || call.arguments.some((it) => it.kind === 'data'))
      return problem('KV032', 'same() takes two places of the record or more.', 'Such as same($id, id).')
    const kinds = call.arguments.map((it) =>
      it.kind === 'data' ? 'any' : kindIn(it.expression, scope, problems),
    )
    const [one, other] = [...new Set(kinds.filter((it) => it !== 'any'))]
    if (one !== undefined && other !== undefined)
      return problem(
        'KV032',
        `same() cannot compare ${ARTICLE[one]} with ${ARTICLE[other]}.`,
        'Make one of them the like of the other: same($id | int, id).',
      )
    return one ?? 'any'
  }
  if (isChoice(name)) {
    if (call.arguments.length < 2)
      return problem('KV032', `${name}() takes two values or more.`, `Such as ${name}($u, $member).`)
    return common(
      call.arguments.map((it) =>
        it.kind === 'data' ? kindOfLiteral(it.value) : kindIn(it.expression, scope, problems),
      ),
    )
  }
  const asTransform = scope.transforms.has(name)
  const meant = didYouMean(name, FUNCTIONS)
  const hint = asTransform
    ? `${name} is a transform and stands behind a "|": field | ${name}.`
    : meant
      ? `Did you mean "${meant}"?`
      : `Functions are ${listOf(FUNCTIONS.map((it) => `${it}()`))}.`
  return problem('KV035', `There is no function ${name}().`, hint)
}

const LOOKUP_KINDS: Readonly<Record<Lookup['kind'], ValueKind>> = {
  get: 'text',
  hget: 'text',
  score: 'number',
  member: 'boolean',
  first_of: 'text',
  owner: 'text',
}

function kindOfLookup(
  call: Extract<Expression, { kind: 'call' }>,
  scope: ExpressionScope,
  problems: Problem[],
): ValueKind {
  try {
    const lookup = readLookup(call)
    // Their places are counted from the hole they stand in: the call is near enough.
    const inner: Problem[] = []
    for (const it of lookedAt(lookup)) kindIn(it, scope, inner)
    problems.push(...inner.map((it) => ({ ...it, offset: call.span.start })))
    return inner.length > 0 ? 'any' : LOOKUP_KINDS[lookup.kind]
  } catch (error) {
    if (!(error instanceof LookupMistake)) throw error
    const { message, offset, hint } = error
    problems.push({ code: 'KV032', offset, message, ...(hint && { hint }) })
    return 'any'
  }
}

function kindOfPipe(
  pipe: Extract<Expression, { kind: 'pipe' }>,
  scope: ExpressionScope,
  problems: Problem[],
): ValueKind {
  const input = kindIn(pipe.input, scope, problems)
  const signature = scope.transforms.get(pipe.transform)
  if (!signature) {
    problems.push(unknownTransform(pipe.transform, pipe.span.start, scope))
    return 'any'
  }
  const before = problems.length
  checkArguments(pipe, signature.parameters, problems)
  const literals = pipe.arguments.flatMap((it) => (it.kind === 'data' ? [it.value] : []))
  const types = signature.typesOf?.(literals)
  const takes = types?.takes ?? signature.takes
  if (input !== 'any' && input !== 'null' && !takes.includes(input) && !takes.includes('any')) {
    problems.push({
      code: 'KV033',
      offset: pipe.span.start,
      message: `${pipe.transform} takes ${listOf(takes.map(word), 'or')}, and what comes before it is ${ARTICLE[input]}.`,
    })
  }
  return problems.length > before ? 'any' : (types?.gives ?? signature.gives(input))
}

function unknownTransform(name: string, offset: number, { transforms }: ExpressionScope): Problem {
  if (CLOCKS.has(name.toLowerCase()))
    return {
      code: 'KV073',
      offset,
      message: `There is no transform "${name}": a second run has to give the same rows.`,
      hint: CLOCK_HINT,
    }
  const meant = didYouMean(name, transforms.keys())
  return {
    code: 'KV014',
    offset,
    message: `There is no transform "${name}".`,
    ...(meant && { hint: `Did you mean "${meant}"?` }),
  }
}

const WORDS: Partial<Record<ValueKind, string>> = { instant: 'a time', date: 'a date', any: 'anything' }
const word = (kind: ValueKind): string => WORDS[kind] ?? kind
