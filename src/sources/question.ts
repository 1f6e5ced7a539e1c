import type { KeyPattern } from '../plan/key-pattern.ts'

/** What a lookup asks another key. */
export type Question =
  /** The value of a string. */
  | { readonly kind: 'get'; readonly key: Buffer }
  /** A field of a hash; a member's score in a sorted set; is it a member of a set or sorted set, an item of a list, a field of a hash? */
  | { readonly kind: 'hget' | 'score' | 'member'; readonly key: Buffer; readonly item: Buffer }

/** In which collection is it? The answer is what the pattern's one named capture stands for. */
export interface OwnerQuestion {
  readonly kind: 'owner'
  readonly pattern: KeyPattern
  readonly item: Buffer
}

/** `undefined`: there is nothing. `wrong`: the key holds another type than can be asked that. `several`: more than one key has it. */
export type Answer =
  | Buffer
  | number
  | boolean
  | undefined
  | { readonly wrong: string }
  | { readonly several: true }

/** Answers that were got for a page of entries. */
export interface Answers {
  /** Throws UNANSWERED where the question has to be asked first; it is remembered then. */
  of(question: Question | OwnerQuestion): Answer
}

/** Thrown where a record cannot be made before a question is answered. */
export const UNANSWERED = Symbol('unanswered')

/** The same for the same question. */
export function questionId(question: Question | OwnerQuestion): string {
  if (question.kind === 'owner') return `owner ${question.item.toString('latin1')} ${question.pattern.source}`
  const item = 'item' in question ? question.item.toString('latin1') : ''
  return `${question.kind} ${item.length} ${item}${question.key.toString('latin1')}`
}
