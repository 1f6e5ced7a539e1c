import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { SourceError } from '../../errors.ts'
import { startsWith } from '../prefix.ts'
import type { Answer, Question } from '../question.ts'
import { Pace } from '../redis/pace.ts'
import { PageSize } from '../redis/page-size.ts'
import { runAhead } from '../run-ahead.ts'
import type { Cursor, Entry, Page, Selection, Source, SourceContext } from '../source.ts'
import { findReplitAddress, type ReplitAddress } from './address.ts'
import { LIMITS, type Limits, ReplitClient } from './client.ts'

/** Keys a page: each is a request of its own. */
const PAGE = 200

/** A Replit database that is open for reading. All keys are listed at once; each value is a request. */
export class ReplitSource implements Source {
  readonly label: string
  readonly #client: ReplitClient
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #limits: Limits
  readonly #size: PageSize

  /** Only looks up the address: every request is counted, and none is for nothing. */
  static async open(context: SourceContext, limits: Limits = LIMITS): Promise<ReplitSource> {
    return new ReplitSource(await findReplitAddress(context), context, limits)
  }

  private constructor(address: ReplitAddress, context: SourceContext, limits: Limits) {
    const { signal, perSecond, allowance } = context
    this.label = address.label
    this.#limits = limits
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#size = new PageSize(Math.min(PAGE, perSecond ?? PAGE))
    this.#client = new ReplitClient(address, {
      signal: this.#signal,
      pace: perSecond === undefined ? undefined : new Pace(perSecond),
      allowance,
      limits,
      find: () => findReplitAddress(context),
    })
  }

  async identity(): Promise<string> {
    return this.#client.address.identity
  }

  /** Entries in the order of their keys' digests. The cursor is the digest of the last key given: a key may be longer than a cursor. */
  async *scan(selection: Selection, from: Cursor = START): AsyncGenerator<Page> {
    if (!/^([0-9a-f]{32}|start|end)$/.test(from))
      throw new SourceError(
        'SOURCE_CURSOR',
        `What was kept as the place in ${this.label} is no place in a Replit database.`,
      )
    if (from === END) return
    yield* runAhead(this.#pages(selection, from))
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    // What is no text is no key here.
    const possible = keys.filter((key) => key.length > 0 && isUtf8(key))
    for (let at = 0; at < possible.length; ) {
      const some = possible.slice(at, at + this.#size.count)
      const { entries } = await this.#read(some)
      if (entries.length > 0) yield { entries, expired: 0 }
      at += some.length
    }
  }

  /** All keys hold strings: there is nothing in them to ask for. */
  async ask(questions: readonly Question[]): Promise<readonly Answer[]> {
    const keys = [...new Map(questions.map(({ key }) => [key.toString('latin1'), key])).values()]
    const values = new Map<string, Buffer>()
    for await (const { entries } of this.read(keys))
      for (const { key, value } of entries)
        if (value?.type === 'string') values.set(key.toString('latin1'), value.bytes)
    return questions.map(({ kind, key }) => {
      const value = values.get(key.toString('latin1'))
      if (value === undefined) return kind === 'member' ? false : undefined
      return kind === 'get' ? value : { wrong: 'string' }
    })
  }

  async count(): Promise<number> {
    return (await this.#client.list(Buffer.alloc(0))).length
  }

  commands(): number {
    return this.#client.sent
  }

  /** At once; what is under way rejects with SourceError SOURCE_CLOSED. */
  async close(): Promise<void> {
    this.#stop.abort(new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`))
    this.#client.close()
  }

  async *#pages({ prefix, want }: Selection, from: Cursor): AsyncGenerator<Page> {
    const listed = (await this.#client.list(prefix))
      .filter((key) => startsWith(key, prefix))
      .map((key) => ({ key, digest: digestOf(key) }))
      .filter(({ digest }) => from === START || digest > from)
      .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    let at = 0
    do {
      this.#signal.throwIfAborted()
      const some = listed.slice(at, at + this.#size.count)
      at += some.length
      const wishes = some.map(({ key }) => ({ key, wish: want(key) }))
      const { entries, expired } = await this.#read(keysOf(wishes, 'entry'))
      const bare = keysOf(wishes, 'key').map(
        (key): Entry => ({ key, type: 'string', expiresAt: null, offset: 0, more: false }),
      )
      const cursor = at < listed.length ? some.at(-1)!.digest : END
      yield { entries: [...entries, ...bare], expired, cursor }
    } while (at < listed.length)
  }

  async #read(keys: readonly Buffer[]): Promise<Page> {
    const values: (Buffer | undefined)[] = []
    let next = 0
    const readOn = async (): Promise<void> => {
      for (let index = next++; index < keys.length; index = next++)
        values[index] = await this.#client.value(keys[index]!)
    }
    await Promise.all(Array.from({ length: Math.min(this.#limits.together, keys.length) }, readOn))
    const entries = keys.flatMap((key, index): Entry[] => {
      const bytes = values[index]
      if (bytes === undefined) return []
      return [
        { key, type: 'string', value: { type: 'string', bytes }, expiresAt: null, offset: 0, more: false },
      ]
    })
    this.#size.learn(entries)
    return { entries, expired: keys.length - entries.length }
  }
}

const START: Cursor = 'start'
const END: Cursor = 'end'

const digestOf = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 32)

const keysOf = (
  wishes: readonly { readonly key: Buffer; readonly wish: 'entry' | 'key' | 'nothing' }[],
  wanted: 'entry' | 'key',
): Buffer[] => wishes.filter(({ wish }) => wish === wanted).map(({ key }) => key)
