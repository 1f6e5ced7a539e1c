import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Fault } from './upstash-server.ts'

/** Replit's key-value protocol with real data behind it: it refuses what Replit refuses. */
export interface ReplitServer {
  /** With the token that is good now. */
  readonly url: string
  /** What is stored, by key; written to by tests, or by POST. */
  readonly data: Map<string, Buffer>
  readonly requests: number
  /** The most requests that were under way at one time. */
  readonly together: number
  /** Paths that were asked for, without the token. */
  readonly asked: readonly string[]
  /** Renews the token; the old one is refused from now on. */
  renew(database?: string): void
  /** The next requests fail so, one each. */
  fail(...faults: readonly Fault[]): void
  onRequest(see: ((path: string) => void | Promise<void>) | undefined): void
  /** A list of keys has each of them twice from now on; gives whether one was asked for. */
  listTwice(): () => boolean
  stop(): Promise<void>
}

/** More requests at one time are refused. */
const TOGETHER = 16
const KEY_BYTES = 1000
const VALUE_BYTES = 5 * 1024 * 1024

export async function startReplit(): Promise<ReplitServer> {
  const data = new Map<string, Buffer>()
  const asked: string[] = []
  let token = tokenFor('database-1')
  let [requests, underWay, together] = [0, 0, 0]
  let faults: Fault[] = []
  let twice: { was: boolean } | undefined
  let see: ((path: string) => void | Promise<void>) | undefined

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests += 1
    const send = (status: number, body: Buffer | string = '', headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'text/plain', ...headers })
      response.end(body)
    }
    const fault = faults.shift()
    if (fault && 'stall' in fault) return
    if (fault && 'status' in fault) {
      return send(
        fault.status,
        fault.error,
        fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) },
      )
    }
    if (fault && 'answer' in fault) return send(200, fault.answer)
    if (underWay > TOGETHER) return send(429)
    const path = request.url ?? ''
    const [, used, rest = ''] = /^\/v0\/([^/?]+)(.*)$/s.exec(path) ?? []
    if (used !== token) return send(401, 'invalid token')
    asked.push(rest)
    await see?.(rest)
    const { status, body, isList } = await respond(data, request, rest)
    if (isList && twice) {
      twice.was = true
      return send(status, Buffer.concat([body, Buffer.from('\n'), body]))
    }
    if (!fault) return send(status, body)
    response.writeHead(status, { 'content-length': String(body.length) })
    response.write(body.subarray(0, fault.cutAfter), () => response.destroy())
  }

  const server = createServer((request, response) => {
    underWay += 1
    together = Math.max(together, underWay)
    response.on('close', () => {
      underWay -= 1
    })
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    get url() {
      return `http://127.0.0.1:${address.port}/v0/${token}`
    },
    data,
    asked,
    get requests() {
      return requests
    },
    get together() {
      return together
    },
    renew: (database = 'database-1') => {
      token = tokenFor(database)
    },
    fail: (...more) => {
      faults = [...more]
    },
    listTwice: () => {
      const now = { was: false }
      twice = now
      return () => now.was
    },
    onRequest: (callback) => {
      see = callback
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Response {
  readonly status: number
  readonly body: Buffer
  readonly isList?: true
}

const plain = (status: number, text = ''): Response => ({ status, body: Buffer.from(text) })

async function respond(data: Map<string, Buffer>, request: IncomingMessage, rest: string): Promise<Response> {
  if (rest.startsWith('?') || rest === '') {
    if (request.method === 'POST') return store(data, request)
    if (request.method !== 'GET') return plain(405)
    const { searchParams } = new URL(rest, 'http://replit')
    const prefix = searchParams.get('prefix')
    if (prefix === null) return plain(400, 'prefix is missing')
    const keys = [...data.keys()].filter((it) => it.startsWith(prefix)).sort()
    const isEncoded = searchParams.get('encode') === 'true'
    const list = keys.map((it) => (isEncoded ? encodeURIComponent(it) : it)).join('\n')
    return { ...plain(200, list), isList: true }
  }
  const key = decodeURIComponent(rest.slice(1))
  // As a Go server does: a path with dots in it leads somewhere else.
  if (!rest.startsWith('/') || key === '' || /(^|\/)\.\.?(\/|$)/.test(rest)) return plain(301)
  if (request.method === 'DELETE') return plain(data.delete(key) ? 204 : 404)
  if (request.method !== 'GET') return plain(405)
  const body = data.get(key)
  return body === undefined ? plain(404) : { status: 200, body }
}

async function store(data: Map<string, Buffer>, request: IncomingMessage): Promise<Response> {
  if (request.headers['content-type'] !== 'application/x-www-form-urlencoded') return plain(400, 'no form')
  let text = ''
  for await (const chunk of request) text += chunk
  for (const [key, value] of new URLSearchParams(text)) {
    if (Buffer.byteLength(key) > KEY_BYTES || key === '') return plain(400, 'key')
    if (Buffer.byteLength(value) > VALUE_BYTES) return plain(400, 'value')
    data.set(key, Buffer.from(value))
  }
  return plain(200)
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const tokenFor = (database: string): string =>
  `${base64({ alg: 'HS512' })}.${base64({ iss: 'conman', database_id: database, jti: randomBytes(8).toString('hex') })}.${randomBytes(16).toString('base64url')}`
