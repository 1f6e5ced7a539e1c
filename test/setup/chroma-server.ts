import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Fault } from './upstash-server.ts'

/** A record as it is added: values as JSON text, so that a test says how Chroma would write them. */
export interface ChromaSeed {
  readonly id: string
  readonly embedding: string
  readonly document: string | null
  readonly metadata: string
}

export type ChromaSpace = 'l2' | 'cosine' | 'ip'

export interface ChromaServer {
  readonly url: string
  /** `space`: how the collection measures; Chroma's default is l2. */
  add(collection: string, records: readonly ChromaSeed[], space?: ChromaSpace): void
  remove(collection: string, ids: readonly string[]): void
  fail(...faults: readonly Fault[]): void
  /** Lists have all that is in them twice from now on; gives whether one was asked for. */
  listTwice(): () => boolean
  stop(): Promise<void>
}

/**
 * The part of Chroma's REST protocol (version 2, as chromadb 3.0.3 speaks it) that reading needs, for when the real server is not at hand:
 * KVMIG_CHROMA=http://… runs the same tests with that.
 */
export async function startChroma(token?: string): Promise<ChromaServer> {
  const collections = new Map<
    string,
    { readonly id: string; readonly space: ChromaSpace; readonly records: Map<string, ChromaSeed> }
  >()
  let faults: Fault[] = []
  let twice: { was: boolean } | undefined

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request)
    const send = (status: number, text: string): void => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      })
      response.end(text)
    }
    const refuse = (status: number, error: string): void =>
      send(status, JSON.stringify({ error, message: error }))
    const fault = faults.shift()
    if (fault && 'stall' in fault) return
    if (fault && 'status' in fault) return refuse(fault.status, fault.error ?? 'fault')
    if (fault && 'answer' in fault) return send(200, fault.answer)
    if (token !== undefined && request.headers['x-chroma-token'] !== token) return refuse(403, 'AuthError')
    const url = new URL(request.url ?? '', 'http://chroma')
    const base = '/api/v2/tenants/default_tenant/databases/default_database/collections'
    if (!url.pathname.startsWith(base)) return refuse(404, 'NotFoundError')
    const [, id, what] = url.pathname.slice(base.length).split('/')
    if (id === undefined) {
      const [limit, offset] = ['limit', 'offset'].map((name) => Number(url.searchParams.get(name)))
      const all = [...collections].map(([name, { id, space, records }]) => ({
        id,
        name,
        configuration_json: { hnsw: { space }, spann: null, embedding_function: null },
        metadata: null,
        dimension: records.size === 0 ? null : dimensionOf([...records.values()]),
        tenant: 'default_tenant',
        database: 'default_database',
        log_position: 0,
        version: 0,
      }))
      const some = all.slice(offset, offset! + limit!)
      return send(200, JSON.stringify(twice ? [...some, ...some] : some))
    }
    const found = [...collections.values()].find((it) => it.id === id)
    if (!found) return refuse(404, 'NotFoundError')
    if (what === 'count' && request.method === 'GET') return send(200, String(found.records.size))
    if ((what !== 'get' && what !== 'query') || request.method !== 'POST')
      return refuse(405, 'MethodNotAllowed')
    const text = what === 'get' ? get(body, found.records) : query(body, found)
    if (twice && what === 'get' && JSON.parse(body).ids === undefined && text !== undefined) {
      twice.was = true
      const { ids } = JSON.parse(text)
      return send(200, JSON.stringify({ ...JSON.parse(text), ids: [...ids, ...ids] }))
    }
    if (text === undefined) return refuse(what === 'get' ? 422 : 400, 'InvalidArgumentError')
    if (fault) {
      response.writeHead(200, { 'content-length': String(Buffer.byteLength(text)) })
      response.write(text.slice(0, fault.cutAfter), () => response.destroy())
    } else send(200, text)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    add: (name, records, space = 'l2') => {
      const collection = collections.get(name) ?? { id: randomUUID(), space, records: new Map() }
      collections.set(name, collection)
      for (const it of records) collection.records.set(it.id, it)
    },
    remove: (name, ids) => {
      for (const id of ids) collections.get(name)?.records.delete(id)
    },
    fail: (...more) => {
      faults = [...more]
    },
    listTwice: () => {
      const now = { was: false }
      twice = now
      return () => now.was
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const INCLUDES = ['documents', 'embeddings', 'metadatas', 'uris', 'distances']

function get(body: string, records: ReadonlyMap<string, ChromaSeed>): string | undefined {
  const { ids, limit, offset = 0, include = ['documents', 'metadatas'], ...others } = JSON.parse(body)
  if (Object.keys(others).length > 0 || include.some((it: string) => !INCLUDES.includes(it))) return undefined
  const wanted = ids as string[] | undefined
  const chosen = [...records.values()].filter((it) => wanted?.includes(it.id) ?? true)
  const some = chosen.slice(offset, limit === undefined ? undefined : offset + limit)
  const column = (name: string, texts: readonly string[]): string =>
    `"${name}":${include.includes(name) ? `[${texts.join(',')}]` : 'null'}`
  return `{"ids":${JSON.stringify(some.map((it) => it.id))},${column(
    'embeddings',
    some.map((it) => it.embedding),
  )},${column(
    'documents',
    some.map((it) => JSON.stringify(it.document)),
  )},${column(
    'uris',
    some.map(() => 'null'),
  )},${column(
    'metadatas',
    some.map((it) => it.metadata),
  )},"include":${JSON.stringify(include)}}`
}

const dimensionOf = (records: readonly ChromaSeed[]): number | undefined =>
  records.map((it) => vectorOf(it)).find((it) => it !== undefined)?.length

/** As Chroma keeps it: in 32-bit floats. */
function vectorOf({ embedding }: ChromaSeed): Float32Array | undefined {
  const numbers: readonly number[] | null = JSON.parse(embedding)
  return numbers === null ? undefined : Float32Array.from(numbers)
}

// Every record is looked at, where the real one walks a graph and may miss some.
function query(
  body: string,
  { space, records }: { readonly space: ChromaSpace; readonly records: ReadonlyMap<string, ChromaSeed> },
): string | undefined {
  const { query_embeddings: vectors, n_results: count = 10, include = [], ...others } = JSON.parse(body)
  if (Object.keys(others).length > 0 || !Array.isArray(vectors) || vectors.length === 0) return undefined
  if (include.length !== 1 || include[0] !== 'distances') return undefined
  const all = [...records.values()].flatMap((it) => {
    const vector = vectorOf(it)
    return vector ? [{ id: it.id, vector }] : []
  })
  if (vectors.some((it: number[]) => all.some(({ vector }) => vector.length !== it.length))) return undefined
  const found = (vectors as number[][]).map((asked) => {
    const from = Float32Array.from(asked)
    return all
      .map(({ id, vector }) => ({ id, distance: Math.fround(DISTANCES[space](from, vector)) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, count)
  })
  return JSON.stringify({
    ids: found.map((it) => it.map(({ id }) => id)),
    embeddings: null,
    documents: null,
    uris: null,
    metadatas: null,
    distances: found.map((it) => it.map(({ distance }) => distance)),
    include,
  })
}

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, it, place) => sum + it * b[place]!, 0)

const DISTANCES: Readonly<Record<ChromaSpace, (a: Float32Array, b: Float32Array) => number>> = {
  l2: (a, b) => a.reduce((sum, it, place) => sum + (it - b[place]!) ** 2, 0),
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  ip: (a, b) => 1 - dot(a, b),
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
