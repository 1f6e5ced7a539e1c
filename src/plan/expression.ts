/**
 * The expression of a field, parsed: `from ?? sender | strip_prefix('@') | lower`.
 *
 * Grammar, loosest first:
 *
 *     pipeline  = coalesce { "|" name [ "(" arguments ")" ] }
 *     coalesce  = primary { "??" primary }
 *     primary   = path | root | call | literal | "(" pipeline ")"
 *     path      = name { "." name | "[" integer "]" | "[" 'text' "]" }      in the decoded record
 *     root      = "$" name { "." name | "[" … "]" }                         $key, $field, $item, …, $<capture>
 *     call      = name "(" arguments ")"                                    const(session), rest(), get('k:{id}')
 *     literal   = number | true | false | null
 *     argument  = 'text' | "text" | number | true | false | null | [ … ] | { name: … } | pipeline
 *
 * A bare word is a path; text as a value is `const(word)` or `const('any text')`. Spans are offsets into the source text.
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
      /** Of the transform's name. */
      readonly span: Span
    }
  | { readonly kind: 'coalesce'; readonly options: readonly Expression[]; readonly span: Span }

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
  'message',
  'expires_at',
] as const
