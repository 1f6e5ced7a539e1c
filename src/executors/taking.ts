import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledMapping, RecordSink, Router } from '../mapping/mapping.ts'
import { withoutExpiredFields } from '../sources/part.ts'
import type { Entry, Selection } from '../sources/source.ts'
import type { Copy } from './copy.ts'

/**
 * Hands the entries of a pass to the mappings that claim them: each makes rows of them in the batch of its copy. A collection comes in
 * parts, and counts when its last part has come.
 */
export class Taking {
  readonly #router: Router
  readonly #byMapping: ReadonlyMap<CompiledMapping, Copy>
  readonly #wanted: ReadonlySet<CompiledMapping>
  /** A collection of which more parts have to come, and the copies that take it. */
  #unfinished:
    | { readonly key: Buffer; readonly copies: readonly Copy[]; readonly word: 'keys' | 'expired' }
    | undefined
  /** The entry that rows are being made of, and the copies that take it. */
  #taken!: Entry
  #isExpired = false
  readonly #taking: Copy[] = []

  constructor(router: Router, copies: readonly Copy[]) {
    this.#router = router
    this.#byMapping = new Map(copies.map((it) => [it.compiled, it]))
    this.#wanted = new Set(this.#byMapping.keys())
  }

  /** What has to be read of a key. */
  readonly want = (key: Buffer): ReturnType<Selection['want']> => this.#router.mayClaim(key, this.#wanted)

  take(entry: Entry, now: number): void {
    if (entry.offset === 0) this.drop()
    const expired = entry.expiresAt !== null && entry.expiresAt <= now
    const copies = this.#taking
    copies.length = 0
    this.#taken = entry
    this.#isExpired = expired
    forwardClaims(this.#router.route(entry.key, entry.type), withoutExpiredFields(entry, now), this.#sinkOf)
    const word = expired ? 'expired' : 'keys'
    if (entry.offset === 0) for (const copy of copies) copy.batch.seen[word] += 1
    if (entry.more) this.#unfinished ??= { key: entry.key, copies: [...copies], word }
    else this.#unfinished = undefined
  }

  readonly #sinkOf = (compiled: CompiledMapping): RecordSink | undefined => {
    const copy = this.#byMapping.get(compiled)
    if (!copy) return undefined
    if (!this.#taking.includes(copy)) this.#taking.push(copy)
    return this.#isExpired ? undefined : copy.batch.of(this.#taken)
  }

  /** A collection that begins anew, or is gone before its last part came: what came of it is void. */
  drop(): void {
    if (!this.#unfinished) return
    const { key, copies, word } = this.#unfinished
    for (const { batch } of copies) {
      batch.drop(key)
      batch.seen[word] -= 1
    }
    this.#unfinished = undefined
  }

  /** The batches are not those any more that an unfinished collection went into. */
  forget(): void {
    this.#unfinished = undefined
  }
}
