import { SourceError } from '../../errors.ts'
import {
  askPatiently,
  explainStatus,
  HTTP_LIMITS,
  type HttpLimits,
  type HttpLine,
  Refusal,
} from '../http-line.ts'
import type { Metric } from '../source.ts'
import { RawJsonError, rawItems, rawMembers } from './raw-json.ts'

/** Where a Chroma is. The token is never to be printed; `label` is for people. */
export interface ChromaAddress {
  /** `http://127.0.0.1:8000/api/v2/tenants/default_tenant/databases/default_database`. */
  readonly database: string
  readonly token: string | undefined
  readonly label: string
}

export const LIMITS: HttpLimits = { ...HTTP_LIMITS, answerMillis: 120_000 }

export interface Line extends HttpLine {
  readonly address: ChromaAddress
}

export interface Collection {
  readonly id: string
  readonly name: string
  /** How it measures distances. */
  readonly metric: Metric
}

/** A record with all that Chroma holds of it, as the JSON text it was answered as. */
export interface ChromaRecord {
  readonly id: string
  readonly json: string
}

/** Collections of one list. */
const LISTED = 500

/** Chroma's REST protocol, version 2, for reading only. */
export class ChromaClient {
  readonly #line: Line
  #sent = 0

  constructor(line: Line) {
    this.#line = line
  }

  get sent(): number {
    return this.#sent
  }

  /** Each once: where others make and delete collections between two lists, one may be in both. */
  async collections(): Promise<Collection[]> {
    const all = new Map<string, Collection>()
    for (let offset = 0; ; offset += LISTED) {
      const text = await this.#ask(`/collections?limit=${LISTED}&offset=${offset}`)
      const some = this.#read(() =>
        rawItems(text).map((it) => {
          const members = rawMembers(it)
          return {
            id: textOf(members.get('id')),
            name: textOf(members.get('name')),
            metric: metricOf(members),
          }
        }),
      )
      for (const it of some) all.set(it.id, it)
      if (some.length < LISTED) return [...all.values()]
    }
  }

  /** The ids of all records, each once, as they are at one moment. */
  async ids({ id }: Collection): Promise<string[]> {
    const text = await this.#ask(`/collections/${id}/get`, { include: [] })
    return this.#read(() => [...new Set(rawItems(rawMembers(text).get('ids') ?? '').map(textOf))])
  }

  /** The records of these ids; missing ones are left out. */
  async records({ id }: Collection, ids: readonly string[]): Promise<ChromaRecord[]> {
    const include = ['documents', 'embeddings', 'metadatas', 'uris']
    const text = await this.#ask(`/collections/${id}/get`, { ids, include })
    return this.#read(() => {
      const members = rawMembers(text)
      const columns = ['ids', ...include].map((name) => {
        const raw = members.get(name)
        return raw === undefined || raw === 'null' ? undefined : rawItems(raw)
      })
      const [found = [], ...others] = columns
      if (others.some((it) => it !== undefined && it.length !== found.length))
        throw new RawJsonError('lists of different lengths')
      const [documents, embeddings, metadatas, uris] = others
      return found.map((raw, index) => ({
        id: textOf(raw),
        json: `{"id":${raw},"document":${documents?.[index] ?? 'null'},"embedding":${embeddings?.[index] ?? 'null'},"metadata":${metadatas?.[index] ?? 'null'},"uri":${uris?.[index] ?? 'null'}}`,
      }))
    })
  }

  async count({ id }: Collection): Promise<number> {
    const text = await this.#ask(`/collections/${id}/count`)
    if (!/^\d{1,15}$/.test(text)) throw this.#unexpected('a count that is no number')
    return Number(text)
  }

  /** The records nearest to a vector, nearest first, by the collection's own search and metric. */
  async nearest(
    { id }: Collection,
    vector: readonly number[],
    count: number,
  ): Promise<readonly { readonly id: string; readonly distance: number }[]> {
    const body = { query_embeddings: [vector], n_results: count, include: ['distances'] }
    const text = await this.#ask(`/collections/${id}/query`, body)
    return this.#read(() => {
      const members = rawMembers(text)
      const [ids = [], distances = []] = ['ids', 'distances'].map((name) => {
        const [only = '[]'] = rawItems(members.get(name) ?? '')
        return rawItems(only)
      })
      if (ids.length !== distances.length) throw new RawJsonError('lists of different lengths')
      return ids.map((raw, index) => ({ id: textOf(raw), distance: Number(distances[index]) }))
    })
  }

  #ask(path: string, body?: unknown): Promise<string> {
    const { address, signal, limits } = this.#line
    return askPatiently(this.#line, {
      label: address.label,
      count: (sent) => {
        this.#sent += sent
      },
      exchange: async () => {
        const response = await fetch(`${address.database}${path}`, {
          method: body === undefined ? 'GET' : 'POST',
          headers: {
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(address.token === undefined ? {} : { 'x-chroma-token': address.token }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          redirect: 'manual',
          signal: AbortSignal.any([signal, AbortSignal.timeout(limits.answerMillis)]),
        })
        const text = await response.text()
        if (response.status === 200) return text
        throw new Refusal(this.#refusal(response.status), {
          retryAfter: response.headers.get('retry-after'),
        })
      },
    })
  }

  #read<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof RawJsonError || error instanceof SyntaxError)
        throw this.#unexpected('an answer of another shape')
      throw error
    }
  }

  #refusal(status: number): SourceError {
    const { label } = this.#line.address
    if (status === 401 || status === 403)
      return new SourceError('SOURCE_AUTH', `${label} refused the token, or wants one.`, {
        hint: "Set CHROMA_TOKEN, or write { url: …, token: '${MY_TOKEN}' }.",
      })
    if (status === 404)
      return new SourceError(
        'SOURCE_CHANGED',
        `A collection of ${label} is gone, or there is no such database.`,
        {
          hint: 'The address is chroma+http://host:8000/tenant/database; without them it is default_tenant and default_database.',
        },
      )
    return explainStatus(label, status) ?? this.#unexpected(`status ${status}`)
  }

  #unexpected(what: string): SourceError {
    return new SourceError(
      'SOURCE_ANSWER',
      `${this.#line.address.label} does not answer as Chroma does: ${what}.`,
      {
        hint: 'Is it a Chroma with version 2 of the protocol (0.6 and newer), and is this its port?',
      },
    )
  }
}

// Since version 1 in the configuration, before that in the metadata; https://docs.trychroma.com/docs/collections/configure
function metricOf(members: ReadonlyMap<string, string>): Metric {
  const [configuration, metadata] = ['configuration_json', 'metadata'].map((name) =>
    JSON.parse(members.get(name) ?? 'null'),
  )
  const word: unknown =
    configuration?.hnsw?.space ?? configuration?.spann?.space ?? metadata?.['hnsw:space'] ?? 'l2'
  if (word === 'l2' || word === 'cosine' || word === 'ip') return word
  throw new RawJsonError('a collection with a metric of another name')
}

function textOf(raw: string | undefined): string {
  const value: unknown = raw === undefined ? undefined : JSON.parse(raw)
  if (typeof value !== 'string') throw new RawJsonError('no text')
  return value
}
