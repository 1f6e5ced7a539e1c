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

export interface ChromaServer {
  readonly url: string
  add(collection: string, records: readonly ChromaSeed[]): void
  remove(collection: string, ids: readonly string[]): void
  fail(...faults: readonly Fault[]): void
  stop(): Promise<void>
}

/**
 * The part of Chroma's REST protocol (version 2, as chromadb 3.0.3 speaks it) that reading needs, for when the real server is not at hand:
 * KVMIG_CHROMA=http://… runs the same tests with that.
 */
export async function startChroma(token?: string): Promise<ChromaServer> {
  const collections = new Map<string, { readonly id: string; readonly records: Map<string, ChromaSeed> }>()
  let faults: Fault[] = []

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
      const all = [...collections].map(([name, it]) => ({ id: it.id, name, metadata: null, dimension: null }))
      return send(200, JSON.stringify(all.slice(offset, offset! + limit!)))
    }
    const found = [...collections.values()].find((it) => it.id === id)
    if (!found) return refuse(404, 'NotFoundError')
    if (what === 'count' && request.method === 'GET') return send(200, String(found.records.size))
    if (what !== 'get' || request.method !== 'POST') return refuse(405, 'MethodNotAllowed')
    const text = get(body, found.records)
    if (text === undefined) return refuse(422, 'InvalidArgumentError')
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
    add: (name, records) => {
      const collection = collections.get(name) ?? { id: randomUUID(), records: new Map() }
      collections.set(name, collection)
      for (const it of records) collection.records.set(it.id, it)
    },
    remove: (name, ids) => {
      for (const id of ids) collections.get(name)?.records.delete(id)
    },
    fail: (...more) => {
      faults = [...more]
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

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
