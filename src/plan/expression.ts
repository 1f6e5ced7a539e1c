import { ExpressionReader } from './expression-reader.ts'
import type { Inside, PathSegment } from './plan.ts'
import { type Problem, parsing } from './problem.ts'

/**
 * The expression of a field, parsed: `from ?? sender | strip_prefix('@') | lower`.
 *
 * Grammar, loosest first:
 *
 *     pipeline  = coalesce { "|" name [ "(" arguments ")" ] }
 *     coalesce  = primary { "??" primary }
 *     primary   = path | root | call | literal | "(" pipeline ")"
 *     path      = ( name | "[" 'text' "]" ) { "." name | "[" integer "]" | "[" 'text' "]" }      in the decoded record
 *     root      = "$" name { "." name | "[" … "]" }                         $key, $field, $item, …, $<capture>
 *     call      = name "(" arguments ")"                                    const(session), rest(), get('k:{id}')
 *     literal   = number | true | false | null
 *     argument  = data | pipeline
 *     data      = 'text' | "text" | number | true | false | null | "[" items "]" | "{" name ":" item … "}"
 *     item      = data | name
 *
 * A bare word is a path; text as a value is `const(word)` or `const('any text')`. Inside a list or a map a bare word is text. Names hold letters, digits, `_` and `-`; after a dot
 * they may begin with a digit. Text may hold `\\ \' \" \n \r \t \uXXXX`. Spans are offsets into the source text.
 */
export type Expression =
  | { readonly kind: 'path'; readonly path: readonly (string | number)[]; readonly span: Span }
  | {
      readonly kind: 'root'
      readonly root: string
      readonly path: readonly (string | number)[]
      readonly span: Span
    }
  | { readonly kind: 'literal'; readonly value: Literal; readonly span: Span }
  | {
      readonly kind: 'call'
      readonly name: string
      readonly arguments: readonly Argument[]
      readonly span: Span
    }
  | {
      readonly kind: 'pipe'
      readonly input: Expression
      readonly transform: string
      readonly arguments: readonly Argument[]
      /** The source of the file that js() names. */
      readonly script?: string
      /** Of the transform's name. */
      readonly span: Span
    }
  /** A computed column: CEL instead of a root and transforms. */
  | { readonly kind: 'cel'; readonly cel: string; readonly span: Span }
  | { readonly kind: 'coalesce'; readonly options: readonly Expression[]; readonly span: Span }

/** A transform and its arguments, as it stands behind a `|`. `span` is of its name. */
export type TransformCall = Pick<Extract<Expression, { kind: 'pipe' }>, 'transform' | 'arguments' | 'span'>

/** What can stand in parentheses: literal data, or an expression (lookups take those). */
export type Argument =
  | { readonly kind: 'data'; readonly value: Literal; readonly span: Span }
  | { readonly kind: 'expression'; readonly expression: Expression; readonly span: Span }

/** Literal data. Numbers are their source text, so that nothing is rounded on the way. */
export type Literal =
  | null
  | boolean
  | string
  | { readonly number: string }
  | readonly Literal[]
  | ReadonlyMap<string, Literal>

export interface Span {
  readonly start: number
  readonly end: number
}

/** The roots with a fixed meaning; every other `$name` is a capture of the key. */
export const ROOTS = [
  'key',
  'field',
  'member',
  'score',
  'index',
  'name',
  'item',
  'value',
  'parent',
  'parent_index',
  'parent_name',
  'root',
  'message',
  'expires_at',
  'field_expires_at',
] as const

/** Reads an expression. A problem's offset counts from the beginning of `source`. */
export function parseExpression(source: string): {
  readonly expression?: Expression
  readonly problems: readonly Problem[]
} {
  const { value, problems } = parsing(() => new ExpressionReader(source).whole())
  return value ? { expression: value, problems } : { problems }
}

/** Reads the path of `each`: `profile.skills`, `games.*`, `*`, `pages[0].blocks`, `tech | list(',')`. */
export function parseEach(source: string): {
  readonly each?: Inside
  readonly problems: readonly Problem[]
} {
  const { value, problems } = parsing(() => new ExpressionReader(source).wholeEach())
  return value ? { each: { kind: 'path', ...value }, problems } : { problems }
}

/** Reads a path that `unmapped` drops: `id`, `metadata.extra`, `games.*`. A star alone is said otherwise: `drop: all`. */
export function parseFieldPath(source: string): {
  readonly path?: readonly PathSegment[]
  readonly problems: readonly Problem[]
} {
  const { value, problems } = parsing(() => new ExpressionReader(source).wholePath())
  return value ? { path: value, problems } : { problems }
}

/** One link of a decode chain, read: `json`, `unwrap(value)`, `json until object`. */
export function parseDecodeStep(source: string): {
  readonly step?: { readonly name: string; readonly arguments: readonly string[] }
  readonly problems: readonly Problem[]
} {
  const { value, problems } = parsing(() => new ExpressionReader(source).wholeDecodeStep())
  return value ? { step: value, problems } : { problems }
}

/** Literal data as a value of its own, not as a container: is it a map? Lists and maps are both objects to `typeof`. */
export const isLiteralMap = (value: Literal): value is ReadonlyMap<string, Literal> => value instanceof Map
export const isLiteralList = (value: Literal): value is readonly Literal[] => Array.isArray(value)

/** The expression as text again; reading it gives the same expression. */
export function showExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'path':
      return showPath(expression.path, '')
    case 'root':
      return showPath(expression.path, `$${expression.root}`)
    case 'literal':
      return showLiteral(expression.value)
    case 'call':
      return `${expression.name}(${showArguments(expression.arguments)})`
    case 'cel':
      return expression.cel
    case 'coalesce':
      return expression.options.map(showOperand).join(' ?? ')
    case 'pipe': {
      const { input, transform, arguments: args } = expression
      return `${showExpression(input)} | ${transform}${args.length > 0 ? `(${showArguments(args)})` : ''}`
    }
  }
}

const showOperand = (expression: Expression): string =>
  expression.kind === 'pipe' || expression.kind === 'coalesce'
    ? `(${showExpression(expression)})`
    : showExpression(expression)

const showArguments = (args: readonly Argument[]): string =>
  args.map((it) => (it.kind === 'data' ? showLiteral(it.value) : showExpression(it.expression))).join(', ')

export function showPath(path: readonly (string | number)[], root: string): string {
  let shown = root
  for (const segment of path) {
    if (typeof segment === 'number') shown += `[${segment}]`
    else if (shown === '' && NAME.test(segment) && !WORDS.has(segment)) shown = segment
    else if (shown !== '' && SEGMENT.test(segment)) shown += `.${segment}`
    else shown += `[${showText(segment)}]`
  }
  return shown
}

const NAME = /^[\p{L}_][\p{L}\p{N}_-]*$/u
const SEGMENT = /^[\p{L}\p{N}_][\p{L}\p{N}_-]*$/u
const WORDS = new Set(['true', 'false', 'null'])

function showLiteral(value: Literal): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return showText(value)
  if (isLiteralList(value)) return `[${value.map(showLiteral).join(', ')}]`
  if (isLiteralMap(value))
    return `{${[...value].map(([name, it]) => `${showText(name)}: ${showLiteral(it)}`).join(', ')}}`
  return value.number
}

function showText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be escaped
  const escaped = text.replace(/[\\'\u0000-\u001f\u007f]/g, (it) => ESCAPES[it] ?? unicodeEscape(it))
  return `'${escaped}'`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}
const unicodeEscape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
