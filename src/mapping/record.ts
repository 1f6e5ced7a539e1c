import type { Answers } from '../sources/question.ts'
import type { Entry, EntryValue } from '../sources/source.ts'
import type { RejectError, Value } from '../value.ts'
import { MOST_CAPTURES } from './key-spans.ts'
import type { Part } from './mapping.ts'

/**
 * What the expressions of a mapping see. One object for each compiled mapping, filled anew for every record: nothing may keep it, or read
 * it after the record was taken.
 */
export class RecordScope {
  key: Buffer = NOTHING
  expiresAt: number | null = null
  /** Where the captures lie in the key's bytes, start and end of each; of use where `hasSpans`. */
  readonly spans = new Int32Array(2 * MOST_CAPTURES)
  hasSpans = false
  #captures: readonly Value[] | undefined = []
  #capture: (key: Buffer) => readonly Value[] = () => []
  /** The decoded value of the record: what bare paths go into. */
  value: Value = undefined
  /** The value of the record that encloses it, where a path of `each` goes inside. */
  parent: Value = undefined
  /** The value that the path of `each` begins at. */
  root: Value = undefined
  /** Place in a list, -1 where there is none. */
  index = -1
  /** Key of the object it came from, undefined where there is none. */
  name: string | undefined = undefined
  /** The same of the list or object that the one around it came from. */
  parentIndex = -1
  parentName: string | undefined = undefined
  /** Bytes: a name is decoded only where somebody asks. */
  field: Buffer = NOTHING
  /** When the field expires by itself, in milliseconds since 1970; null: with the key. */
  fieldExpiresAt: number | null = null
  score = 0
  message = ''
  /** What other keys say. */
  answers: Answers | undefined = undefined

  /** In the order of the matcher's names. */
  get captures(): readonly Value[] {
    this.#captures ??= this.#capture(this.key)
    return this.#captures
  }

  set captures(captures: readonly Value[]) {
    this.#captures = captures
  }

  /** `captures`: those of the key, or what finds them when somebody asks: then `spans` has been filled. */
  begin(
    { key, expiresAt, answers }: Entry,
    captures: readonly Value[] | ((key: Buffer) => readonly Value[]),
  ): void {
    this.key = key
    this.expiresAt = expiresAt
    this.answers = answers
    this.hasSpans = typeof captures === 'function'
    if (typeof captures === 'function') {
      this.#captures = undefined
      this.#capture = captures
    } else this.captures = captures
    this.parent = undefined
    this.root = undefined
    this.index = -1
    this.name = undefined
    this.parentIndex = -1
    this.parentName = undefined
  }
}

const NOTHING = Buffer.alloc(0)

/** Receives the records of an entry, one after the other, each in the scope. */
export interface RecordVisitor {
  /** Offered first: the bytes of a record that is a string, and of a hash its fields. True: it is done with, by the short way. */
  json(bytes: Buffer, part: () => Part): boolean
  hash(value: Extract<EntryValue, { type: 'hash' }>, part: () => Part): boolean
  take(part: () => Part): void
  /** A record, or all that lies inside a part, that cannot be read. */
  refuse(error: RejectError, part: () => Part): void
  /** The whole that a path of `each` goes into, before its records. */
  whole(value: Value): void
  /** A field that decoding passed over. */
  dropped(field: string): void
}
