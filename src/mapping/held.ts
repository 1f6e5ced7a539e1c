import { SourceError } from '../errors.ts'
import type { KeyPattern } from '../plan/key-pattern.ts'
import type { Answer, Question } from '../sources/question.ts'
import type { Entry, Source } from '../sources/source.ts'
import { compileKeyPattern, isMatch } from './key-match.ts'

/** A key that lookups name, as they see it: a string's bytes, or the elements of a collection. */
interface HeldKey {
  readonly type: string
  readonly bytes: Buffer | undefined
  /** Fields with their values, members with their scores, or only what is in it. By latin1. */
  readonly elements: Map<string, Buffer | number | true>
}

/**
 * Answers for a source that has no index to ask, such as a backup: the keys that lookups name are read once, when the first question
 * comes, and held in memory, as far as that has limits (`Limit`).
 */
export class Held {
  readonly #source: Source
  readonly #keys: readonly KeyPattern[]
  readonly #now: () => number
  #held: Promise<ReadonlyMap<string, HeldKey>> | undefined

  constructor(source: Source, keys: readonly KeyPattern[], now: () => number) {
    this.#source = source
    this.#keys = keys
    this.#now = now
  }

  async ask(questions: readonly Question[]): Promise<readonly Answer[]> {
    this.#held ??= this.#read()
    const held = await this.#held
    return questions.map((it) => answer(held.get(it.key.toString('latin1')), it))
  }

  async #read(): Promise<ReadonlyMap<string, HeldKey>> {
    const held = new Map<string, HeldKey>()
    const limit = new Limit(this.#source)
    for await (const entry of matching(this.#source, this.#keys, this.#now)) {
      const key = entry.key.toString('latin1')
      const known = entry.offset > 0 ? held.get(key) : undefined
      const { value } = entry
      const bytes = value?.type === 'string' ? Buffer.from(value.bytes) : undefined
      const it = known ?? { type: entry.type, bytes, elements: new Map() }
      for (const [name, element] of elementsOf(entry)) {
        it.elements.set(name, element)
        limit.add(name.length + (Buffer.isBuffer(element) ? element.length : 0))
      }
      if (!known) limit.add(key.length + (bytes?.length ?? 0))
      held.set(key, it)
    }
    return held
  }
}

function answer(held: HeldKey | undefined, question: Question): Answer {
  if (!held) return question.kind === 'member' ? false : undefined
  const { type, bytes, elements } = held
  const wrong = { wrong: type }
  if (question.kind === 'get') return type === 'string' ? bytes : wrong
  const element = elements.get(question.item.toString('latin1'))
  switch (question.kind) {
    case 'hget':
      return type === 'hash' ? (element as Buffer | undefined) : wrong
    case 'score':
      return type === 'zset' ? (element as number | undefined) : wrong
    case 'member':
      return ['hash', 'list', 'set', 'zset'].includes(type) ? element !== undefined : wrong
  }
}

/** What lookups may hold in memory, for a source that has no index to ask. */
export const HELD_BYTES = 256 << 20
/** What a name and a value cost beside their bytes. */
const OVERHEAD = 96

/** Counts what is held, and refuses what would fill the memory of the machine. */
export class Limit {
  readonly #source: Pick<Source, 'label'>
  #left: number

  constructor(source: Pick<Source, 'label'>, bytes = HELD_BYTES) {
    this.#source = source
    this.#left = bytes
  }

  add(bytes: number): void {
    this.#left -= bytes + OVERHEAD
    if (this.#left >= 0) return
    throw new SourceError(
      'LOOKUP_TOO_LARGE',
      `${this.#source.label}: the keys that lookups name hold more than ${HELD_BYTES >> 20} MB, which would have to be held in memory.`,
      {
        hint: 'owner() reads all collections of its pattern, and a file cannot be asked for single keys: narrow the pattern, or load the file into a Redis (redis-cli --pipe, or a server started on it) and read from there.',
      },
    )
  }
}

/** Entries of keys that fit one of the patterns, those that have expired apart. */
export async function* matching(
  source: Source,
  keys: readonly KeyPattern[],
  now: () => number,
): AsyncGenerator<Entry> {
  const matchers = keys.map(compileKeyPattern)
  const fits = (key: Buffer): boolean => {
    const text = key.toString('latin1')
    return matchers.some((it) => isMatch(it.match(text)))
  }
  const pages = source.scan({ prefix: Buffer.alloc(0), want: (key) => (fits(key) ? 'entry' : 'nothing') })
  for await (const { entries } of pages)
    for (const entry of entries) if (entry.expiresAt === null || entry.expiresAt > now()) yield entry
}

/** What is in a collection, by latin1, and what belongs to it. */
export function* elementsOf({ value }: Entry): Generator<[string, Buffer | number | true]> {
  switch (value?.type) {
    case 'hash':
      for (let at = 0; at < value.pairs.length; at += 2)
        yield [value.pairs[at]!.toString('latin1'), Buffer.from(value.pairs[at + 1]!)]
      return
    case 'list':
      for (const it of value.items) yield [it.toString('latin1'), true]
      return
    case 'set':
      for (const it of value.members) yield [it.toString('latin1'), true]
      return
    case 'zset':
      for (const [at, it] of value.members.entries()) yield [it.toString('latin1'), value.scores[at]!]
  }
}
