import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { SourceError } from '../../errors.ts'
import type { HttpLimits } from '../http-line.ts'
import { startsWith } from '../prefix.ts'
import { Pace } from '../redis/pace.ts'
import { PageSize } from '../redis/page-size.ts'
import { runAhead } from '../run-ahead.ts'
import type {
  Cursor,
  Entry,
  Neighbours,
  Page,
  Selection,
  Source,
  SourceContext,
  VectorSearch,
} from '../source.ts'
import { type ChromaAddress, ChromaClient, type Collection, LIMITS } from './client.ts'

/** A database of a Chroma server: every record of every collection is an entry. */
export class ChromaSource implements Source {
  readonly label: string
  readonly #client: ChromaClient
  readonly #address: ChromaAddress
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #size = new PageSize(PAGE)
  #collections: readonly Collection[] = []
  readonly vectors: VectorSearch = {
    metrics: (prefix) => this.#withPrefix(prefix).map(({ name, metric }) => ({ of: name, metric })),
    nearest: (vector, prefix, count) =>
      Promise.all(this.#withPrefix(prefix).map((it) => this.#nearest(it, { vector, prefix, count }))),
  }

  /** Lists the collections, so that a wrong address shows here. */
  static async open(
    address: ChromaAddress,
    context: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>,
    limits: HttpLimits = LIMITS,
  ): Promise<ChromaSource> {
    const source = new ChromaSource(address, context, limits)
    await source.identity()
    return source
  }

  private constructor(
    address: ChromaAddress,
    { signal, perSecond, allowance }: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance'>,
    limits: HttpLimits,
  ) {
    this.label = address.label
    this.#address = address
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#client = new ChromaClient({
      address,
      signal: this.#signal,
      pace: perSecond === undefined ? undefined : new Pace(perSecond),
      allowance,
      limits,
    })
  }

  /** The database and its collections, which have ids: one that was made anew is another. */
  async identity(): Promise<string> {
    const collections = await this.#client.collections()
    this.#collections = collections.sort((a, b) => (digestOf(a.name) < digestOf(b.name) ? -1 : 1))
    return `chroma:${digestOf([this.#address.database, ...this.#collections.map((it) => it.id)].join('\n'))}`
  }

  /** Collections, and records in them, in the order of their digests, of which the cursor has the last. */
  async *scan(selection: Selection, from: Cursor = START): AsyncGenerator<Page> {
    if (!/^([0-9a-f]{32}\.[0-9a-f]{32}|start|end)$/.test(from))
      throw new SourceError(
        'SOURCE_CURSOR',
        `What was kept as the place in ${this.label} is no place in a Chroma.`,
      )
    if (from !== END) yield* runAhead(this.#pages(selection, from))
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    for (const collection of this.#collections) {
      const prefix = prefixOf(collection)
      const ids = keys.flatMap((key) =>
        startsWith(key, prefix) && isUtf8(key) ? [key.subarray(prefix.length).toString()] : [],
      )
      for (let at = 0; at < ids.length; ) {
        const some = ids.slice(at, at + this.#size.count)
        const entries = await this.#read(collection, some)
        if (entries.length > 0) yield { entries, expired: 0 }
        at += some.length
      }
    }
  }

  async count(): Promise<number> {
    const counts = await Promise.all(this.#collections.map((it) => this.#client.count(it)))
    return counts.reduce((sum, it) => sum + it, 0)
  }

  commands(): number {
    return this.#client.sent
  }

  /** At once; what is under way rejects with SourceError SOURCE_CLOSED. */
  async close(): Promise<void> {
    this.#stop.abort(new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`))
  }

  async *#pages({ prefix, want }: Selection, from: Cursor): AsyncGenerator<Page> {
    const [begun, after] = from === START ? [] : from.split('.')
    for (const collection of this.#withPrefix(prefix)) {
      const own = prefixOf(collection)
      const place = digestOf(collection.name)
      if (begun !== undefined && place < begun) continue
      const ids = (await this.#client.ids(collection))
        .map((id) => ({ id, digest: digestOf(id), key: Buffer.concat([own, Buffer.from(id)]) }))
        .filter(({ key, digest }) => startsWith(key, prefix) && !(place === begun && digest <= after!))
        .sort((a, b) => (a.digest < b.digest ? -1 : 1))
      for (let at = 0; at < ids.length; ) {
        const some = ids.slice(at, at + this.#size.count).map((it) => ({ ...it, wish: want(it.key) }))
        const whole = some.filter(({ wish }) => wish === 'entry').map(({ id }) => id)
        const entries = whole.length === 0 ? [] : await this.#read(collection, whole)
        const bare = some
          .filter(({ wish }) => wish === 'key')
          .map(({ key }): Entry => ({ key, type: 'string', expiresAt: null, offset: 0, more: false }))
        const cursor = `${place}.${some.at(-1)!.digest}`
        yield { entries: [...entries, ...bare], expired: whole.length - entries.length, cursor }
        at += some.length
      }
    }
    this.#signal.throwIfAborted()
    yield { entries: [], expired: 0, cursor: END }
  }

  #withPrefix(prefix: Buffer): readonly Collection[] {
    return this.#collections.filter((it) => {
      const own = prefixOf(it)
      return startsWith(own, prefix) || startsWith(prefix, own)
    })
  }

  async #nearest(
    collection: Collection,
    it: { readonly vector: readonly number[]; readonly prefix: Buffer; readonly count: number },
  ): Promise<Neighbours> {
    const own = prefixOf(collection)
    const found = await this.#client.nearest(collection, it.vector, it.count)
    const keyed = found.map(({ id, distance }) => ({
      key: Buffer.concat([own, Buffer.from(id)]),
      distance,
    }))
    return {
      of: collection.name,
      metric: collection.metric,
      neighbours: keyed.filter(({ key }) => startsWith(key, it.prefix)),
    }
  }

  async #read(collection: Collection, ids: readonly string[]): Promise<Entry[]> {
    const own = prefixOf(collection)
    const records = await this.#client.records(collection, ids)
    const entries = records.map(
      ({ id, json }): Entry => ({
        key: Buffer.concat([own, Buffer.from(id)]),
        type: 'string',
        value: { type: 'string', bytes: Buffer.from(json) },
        expiresAt: null,
        offset: 0,
        more: false,
      }),
    )
    this.#size.learn(entries)
    return entries
  }
}

/** Records of one request: SQLite, in which Chroma keeps them, takes so many parameters and more. */
const PAGE = 300

const START: Cursor = 'start'
const END: Cursor = 'end'

const prefixOf = ({ name }: Collection): Buffer => Buffer.from(`${name}:`)

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
