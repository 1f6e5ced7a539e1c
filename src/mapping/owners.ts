import { captureNames, type KeyPattern } from '../plan/key-pattern.ts'
import type { Answer, OwnerQuestion } from '../sources/question.ts'
import type { Source } from '../sources/source.ts'
import { elementsOf, Limit, matching } from './held.ts'
import { compileKeyPattern, isMatch } from './key-match.ts'
import { lookupBytes } from './lookup.ts'

type Owner = Exclude<Answer, number | boolean | undefined>

/**
 * Answers in which collection something is. No store keeps that: the collections of a pattern are read once, when the first question comes,
 * and what is in them is held in memory.
 */
export class Owners {
  readonly #source: Source
  readonly #now: () => number
  readonly #byPattern = new Map<string, Promise<ReadonlyMap<string, Owner>>>()

  constructor(source: Source, now: () => number) {
    this.#source = source
    this.#now = now
  }

  async of({ pattern, item }: OwnerQuestion): Promise<Answer> {
    let owners = this.#byPattern.get(pattern.source)
    if (!owners) {
      owners = this.#read(pattern)
      this.#byPattern.set(pattern.source, owners)
    }
    return (await owners).get(item.toString('latin1'))
  }

  async #read(pattern: KeyPattern): Promise<ReadonlyMap<string, Owner>> {
    const owners = new Map<string, Owner>()
    const limit = new Limit(this.#source)
    const { match } = compileKeyPattern(pattern)
    const place = captureNames(pattern).length - 1
    for await (const entry of matching(this.#source, [pattern], this.#now)) {
      const captures = match(entry.key.toString('latin1'))
      if (!isMatch(captures)) continue
      const owner = lookupBytes(captures[place])
      if (!owner) continue
      for (const [item] of elementsOf(entry)) {
        const known = owners.get(item)
        if (known === undefined) limit.add(item.length)
        owners.set(
          item,
          known === undefined || (Buffer.isBuffer(known) && known.equals(owner)) ? owner : { several: true },
        )
      }
    }
    return owners
  }
}
