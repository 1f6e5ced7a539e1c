import type { Position } from '../diagnostic.ts'

/**
 * A key template, parsed: `user:account:{provider}:{id}`. Literal text is literal everywhere. A capture stops at `:` or at the next
 * literal, if that comes first; `{id:rest}` runs to the end or to the next literal; `{_}` captures without a name.
 */
export interface KeyPattern {
  /** As written. */
  readonly source: string
  readonly parts: readonly KeyPart[]
  readonly at: Position
}

export type KeyPart =
  | { readonly kind: 'literal'; readonly text: string }
  | {
      readonly kind: 'capture'
      /** `_` is not bound. */
      readonly name: string
      readonly type: CaptureType
      /** RE2 source, anchored at both ends, where `type` is `regex`. */
      readonly regex?: string
    }

export const CAPTURE_TYPES = ['text', 'rest', 'int', 'uuid', 'date', 'regex'] as const
export type CaptureType = (typeof CAPTURE_TYPES)[number]

/** The literal text every matching key begins with; may be empty. */
export function literalPrefix(pattern: KeyPattern): string {
  const first = pattern.parts[0]
  return first?.kind === 'literal' ? first.text : ''
}

/** The one key a pattern without captures stands for. */
export function exactKey(pattern: KeyPattern): string | undefined {
  return pattern.parts.some((part) => part.kind === 'capture')
    ? undefined
    : pattern.parts.map((it) => (it.kind === 'literal' ? it.text : '')).join('')
}

export const captureNames = (pattern: KeyPattern): readonly string[] =>
  pattern.parts.flatMap((part) => (part.kind === 'capture' && part.name !== '_' ? [part.name] : []))
