import { SourceError } from '../../errors.ts'
import { explainFault, faultMayPass } from '../http-fault.ts'
import { MONOTONIC, type Pace } from '../redis/pace.ts'
import type { Allowance } from '../source.ts'
import { RawJsonError, rawItems, rawMembers } from './raw-json.ts'

/** Where a Chroma is. The token is never to be printed; `label` is for people. */
export interface ChromaAddress {
  /** `http://127.0.0.1:8000/api/v2/tenants/default_tenant/databases/default_database`. */
  readonly database: string
  readonly token: string | undefined
  readonly label: string
}

export interface Limits {
  readonly answerMillis: number
  /** How often the same is asked again after a fault that may pass, with longer and longer waits in between. */
  readonly attempts: number
  readonly firstWaitMillis: number
  readonly longestWaitMillis: number
}

export const LIMITS: Limits = {
  answerMillis: 120_000,
  attempts: 8,
  firstWaitMillis: 100,
  longestWaitMillis: 15_000,
}

export interface Line {
  readonly address: ChromaAddress
  readonly signal: AbortSignal
  readonly pace: Pace | undefined
  readonly allowance: Allowance | undefined
  readonly limits: Limits
}

export interface Collection {
  readonly id: string
  readonly name: string
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

  async collections(): Promise<Collection[]> {
    const all: Collection[] = []
    for (;;) {
      const text = await this.#ask(`/collections?limit=${LISTED}&offset=${all.length}`)
      const some = this.#read(() =>
        rawItems(text).map((it) => {
          const members = rawMembers(it)
          return { id: textOf(members.get('id')), name: textOf(members.get('name')) }
        }),
      )
      all.push(...some)
      if (some.length < LISTED) return all
    }
  }

  /** The ids of all records, as they are at one moment. */
  async ids({ id }: Collection): Promise<string[]> {
    const text = await this.#ask(`/collections/${id}/get`, { include: [] })
    return this.#read(() => rawItems(rawMembers(text).get('ids') ?? '').map(textOf))
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

  async #ask(path: string, body?: unknown): Promise<string> {
    const { address, signal, limits, pace, allowance } = this.#line
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      await pace?.take(1, signal)
      await allowance?.take(1)
      this.#sent += 1
      let reason: SourceError
      try {
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
        reason = this.#refusal(response.status)
      } catch (error) {
        signal.throwIfAborted()
        reason = explainFault(address.label, error)
      }
      if (!faultMayPass(reason) || attempt > limits.attempts) throw reason
      await MONOTONIC.sleep(
        Math.min(limits.firstWaitMillis * 2 ** (attempt - 1), limits.longestWaitMillis),
        signal,
      )
    }
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
    if (status === 429)
      return new SourceError('SOURCE_THROTTLED', `${label} says that it is asked too much (429).`, {
        hint: 'Give it fewer requests a second: budget: { per_second: 20 }, or --rate 20. Then run the same again: it goes on.',
      })
    if (status >= 500)
      return new SourceError('SOURCE_SERVER', `${label} fails within itself (${status}).`, {
        hint: 'Run the same again later: it goes on.',
      })
    return this.#unexpected(`status ${status}`)
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

function textOf(raw: string | undefined): string {
  const value: unknown = raw === undefined ? undefined : JSON.parse(raw)
  if (typeof value !== 'string') throw new RawJsonError('no text')
  return value
}
