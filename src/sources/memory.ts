import { randomUUID } from 'node:crypto'
import { SourceError } from '../errors.ts'
import { inParts, PART } from './part.ts'
import { startsWith } from './prefix.ts'
import type { Cursor, Entry, Page, Selection, Source, SourceAdapter, SourceContext } from './source.ts'

/** Entries that are already here, for examples and tests: read in their order, big collections in parts, like any other source. */
export function memorySource(
  entries: readonly Entry[],
  { signal }: Pick<SourceContext, 'signal'> = { signal: new AbortController().signal },
  { pageSize = 1000, partSize = PART }: { pageSize?: number; partSize?: number } = {},
): Source {
  return new MemorySource(entries, signal, pageSize, partSize)
}

/** The same behind the address `memory:`, for a list of adapters to open from. */
export const memory = (entries: readonly Entry[]): SourceAdapter => ({
  name: 'memory',
  schemes: ['memory'],
  summary: 'Entries that are given with the source.',
  lacks: {},
  options: { type: 'object', additionalProperties: false, properties: {} },
  open: async (_address, context) => memorySource(entries, context),
})

class MemorySource implements Source {
  readonly label = 'memory:'
  readonly #entries: readonly Entry[]
  readonly #signal: AbortSignal
  readonly #pageSize: number
  readonly #partSize: number
  readonly #identity = `memory:${randomUUID()}`
  #isClosed = false

  constructor(entries: readonly Entry[], signal: AbortSignal, pageSize: number, partSize: number) {
    this.#entries = entries
    this.#signal = signal
    this.#pageSize = pageSize
    this.#partSize = partSize
  }

  async identity(): Promise<string> {
    return this.#identity
  }

  /** The cursor is the number of entries passed. */
  async *scan({ prefix, want }: Selection, from: Cursor = '0'): AsyncGenerator<Page> {
    if (!/^\d{1,15}$/.test(from))
      throw new SourceError('SOURCE_CURSOR', 'This is no cursor of entries in memory.')
    let start = Number(from)
    do {
      const end = Math.min(start + this.#pageSize, this.#entries.length)
      const wanted = this.#entries.slice(start, end).flatMap((entry) => {
        const answer = startsWith(entry.key, prefix) ? want(entry.key) : 'nothing'
        if (answer === 'nothing') return []
        return answer === 'entry' ? [entry] : [withoutValue(entry)]
      })
      yield* this.#pages(wanted, String(end))
      start = end
    } while (start < this.#entries.length)
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    const wanted = new Set(keys.map((key) => key.toString('latin1')))
    const found = this.#entries.filter(({ key }) => wanted.has(key.toString('latin1')))
    for await (const { entries, expired } of this.#pages(found, undefined))
      if (entries.length > 0) yield { entries, expired }
  }

  async count(): Promise<number> {
    return this.#entries.length
  }

  commands(): number {
    return 0
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  // Like a driver, at most one part of a big collection a page.
  async *#pages(wanted: readonly Entry[], cursor: Cursor | undefined): AsyncGenerator<Page> {
    let entries: Entry[] = []
    for (const entry of wanted) {
      for (const part of inParts(entry, this.#partSize)) {
        entries.push(part)
        if (!part.more) continue
        this.#check()
        yield { entries, expired: 0 }
        entries = []
      }
    }
    this.#check()
    yield cursor === undefined ? { entries, expired: 0 } : { entries, expired: 0, cursor }
  }

  #check(): void {
    this.#signal.throwIfAborted()
    if (this.#isClosed) throw new SourceError('SOURCE_CLOSED', 'memory: was closed while it was being read.')
  }
}

const withoutValue = ({ key, type, expiresAt }: Entry): Entry => ({
  key,
  type,
  expiresAt,
  offset: 0,
  more: false,
})
