import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { KvmigError } from '../errors.ts'
import type { Target } from '../target/target.ts'
import { noteBug } from './note-bug.ts'

export interface BugListener {
  /** `http://127.0.0.1:8787/bugs`. */
  readonly url: string
  close(): Promise<void>
}

const MOST_BYTES = 16_384
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

/**
 * Takes bug reports over HTTP while `kvmig watch` runs, for support desks and error trackers: POST /bugs with `{ plan, note, severity }` as
 * JSON. Whoever knows `token` may; without one only this machine is listened to. Throws LISTEN.
 */
export async function listenForBugs(options: {
  /** `8787`, or `0.0.0.0:8787`. */
  readonly address: string
  readonly token: string | undefined
  readonly plans: readonly string[]
  readonly target: Target
}): Promise<BugListener> {
  const { host, port } = parse(options.address)
  if (options.token === undefined && !LOOPBACK.test(host))
    throw new KvmigError('LISTEN', `Anybody in reach of ${host} could report bugs, and bugs roll back.`, {
      hint: 'Set KVMIG_LISTEN_TOKEN, which reports then have to bring along, or listen on this machine alone: --listen 8787.',
    })
  const server = createServer((request, response) => {
    answer(request, options).then(
      ([status, body]) => send(response, status, body),
      // The ledger is out of reach: whoever reports tries again.
      () => send(response, 503, { error: 'the target could not be asked; try again' }),
    )
  })
  server.requestTimeout = 10_000
  server.listen(port, host)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new KvmigError('LISTEN', `${host}:${port} cannot be listened on: ${error.code}.`, {
      hint: 'Is another program there? Say another port.',
    })
  })
  const address = server.address()
  const at = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${at}/bugs`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

type Answer = readonly [status: number, body: object]

async function answer(
  request: IncomingMessage,
  { token, plans, target }: Parameters<typeof listenForBugs>[0],
): Promise<Answer> {
  if (new URL(request.url ?? '/', 'http://localhost').pathname !== '/bugs')
    return [404, { error: 'POST /bugs is all there is' }]
  if (request.method !== 'POST') return [405, { error: 'POST /bugs is all there is' }]
  if (token !== undefined && !isSame(request.headers.authorization ?? '', `Bearer ${token}`))
    return [401, { error: 'authorization: Bearer … is missing or wrong' }]
  // A web page can make a browser send anything else than this to a neighbour.
  if (!request.headers['content-type']?.startsWith('application/json'))
    return [415, { error: 'content-type has to be application/json' }]
  const text = await textOf(request)
  if (text === undefined) return [413, { error: `more than ${MOST_BYTES} bytes` }]
  const { plan, note, severity = 'major' } = parseJson(text)
  if (typeof plan !== 'string' || !plans.includes(plan))
    return [400, { error: `"plan" has to be one of ${plans.join(', ')}` }]
  if (typeof note !== 'string' || note.trim() === '')
    return [400, { error: '"note" has to say what was noticed' }]
  if (typeof severity !== 'string') return [400, { error: '"severity" has to be a word' }]
  try {
    return [201, { plan, last24h: await noteBug(target, { plan, severity, note }) }]
  } catch (error) {
    if (error instanceof KvmigError && error.code === 'USAGE') return [400, { error: error.message }]
    throw error
  }
}

function parse(address: string): { readonly host: string; readonly port: number } {
  const found = /^(?:(?<host>\[[^\]]+\]|[^:]+):)?(?<port>\d{1,5})$/.exec(address)?.groups
  const port = Number(found?.port)
  if (!found || port > 65_535)
    throw new KvmigError('LISTEN', `"${address}" is no place to listen on.`, {
      hint: 'Say a port, or host:port: --listen 8787.',
    })
  return { host: (found.host ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port }
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}

async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > MOST_BYTES) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}
