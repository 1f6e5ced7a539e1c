import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type Reply, ReplyError, Request, RespReader } from '../../src/sources/redis/resp.ts'

/** What goes wrong with the next request. */
export type Fault =
  /** Before anything is run. */
  | { readonly status: number; readonly error?: string; readonly retryAfter?: number }
  /** What was asked is done, and the answer is cut off after so many bytes. `end`: as if it were whole. */
  | { readonly cutAfter: number; readonly end?: true }
  /** Another answer, with status 200. */
  | { readonly answer: string }
  /** No answer at all. */
  | { readonly stall: true }

export interface UpstashOptions {
  readonly token?: string
  readonly readOnlyToken?: string
  /** Bytes of a request. */
  readonly requestBytes?: number
  /** Commands that are not offered; WITHTYPE stands for the word in SCAN, BASE64 for the encoding of answers. */
  readonly without?: readonly string[]
}

/** Upstash's REST protocol in front of a real Redis: it refuses what Upstash refuses, and counts what Upstash bills. */
export interface UpstashServer {
  readonly url: string
  readonly token: string
  readonly readOnlyToken: string
  /** Commands that a bill would count. */
  readonly billed: number
  /** Requests, refused ones too. */
  readonly requests: number
  /** The most commands of one request. */
  readonly largest: number
  /** The `upstash-sync-token` of each request. */
  readonly syncTokens: readonly (string | undefined)[]
  /** The next requests fail so, one each. */
  fail(...faults: readonly Fault[]): void
  /** So many commands are answered from now on, and then none; `daily` is the older plan. */
  quota(left: number, daily?: 'daily'): void
  /** The second page of the next scan is its first one once more; gives whether it was. */
  scanTwice(): () => boolean
  /** Sees each request before it is run. */
  onRequest(see: ((path: string, body: string) => void | Promise<void>) | undefined): void
  stop(): Promise<void>
}

export async function startUpstash(redisPort: number, options: UpstashOptions = {}): Promise<UpstashServer> {
  const {
    token = 'AXXTASQgKey-_standard',
    readOnlyToken = 'AnXTASQgKey-_readonly',
    requestBytes = 10_485_760,
  } = options
  const unavailable = new Set(options.without)
  let twice: { last?: string; was: boolean } | undefined
  const redis = new Line(redisPort)
  let [billed, requests, largest, quota, quotaSize] = [0, 0, 0, Number.POSITIVE_INFINITY, 0]
  let isDaily = false
  let faults: Fault[] = []
  const syncTokens: (string | undefined)[] = []
  let see: ((path: string, body: string) => void | Promise<void>) | undefined

  const refuse = (args: readonly string[], isReadOnly: boolean): string | undefined => {
    const name = args[0]!.toUpperCase()
    if (!COMMANDS.has(name) || unavailable.has(name))
      return `ERR Command is not available: '${args[0]}'. See https://upstash.com/docs/redis/overall/rediscompatibility for details`
    if (isReadOnly && NOT_FOR_READERS.has(name))
      return `NOPERM this user has no permissions to run the '${name.toLowerCase()}' command`
    if (name === 'SCAN' && unavailable.has('WITHTYPE') && args.some((it) => it.toUpperCase() === 'WITHTYPE'))
      return 'ERR syntax error'
    return undefined
  }

  const bill = (args: readonly string[]): string | undefined => {
    const name = args[0]!.toUpperCase()
    const cost = FREE.has(name) ? 0 : name.startsWith('EVAL') ? 2 : 1
    if (cost > 0 && quota < cost) {
      return isDaily
        ? `ERR max daily request limit exceeded. Limit: ${quotaSize}, Usage: ${quotaSize}. See https://upstash.com/docs/redis/troubleshooting/max_daily_request_limit for details`
        : `ERR max requests limit exceeded. Limit: ${quotaSize}, Usage: ${quotaSize}. See https://upstash.com/docs/redis/troubleshooting/max_requests_limit for details`
    }
    quota -= cost
    billed += cost
    return undefined
  }

  const run = async (commands: readonly (readonly string[])[], atOnce: boolean, isReadOnly: boolean) => {
    const refusals = commands.map((args) => refuse(args, isReadOnly) ?? bill(args))
    if (atOnce && refusals.some((it) => it !== undefined)) return refusals.find((it) => it !== undefined)!
    const request = new Request()
    if (atOnce) request.add('MULTI')
    const typed: boolean[] = []
    for (const [index, [name, ...args]] of commands.entries()) {
      if (refusals[index] !== undefined) continue
      if (twice && name!.toUpperCase() === 'SCAN') {
        const [cursor = '0'] = args
        if (!twice.was && cursor !== '0' && twice.last !== undefined) {
          args[0] = twice.last
          twice.was = true
        }
        twice.last = cursor
      }
      const withType = args.findIndex((it) => it.toUpperCase() === 'WITHTYPE')
      typed.push(name!.toUpperCase() === 'SCAN' && withType !== -1)
      if (typed.at(-1)) args.splice(withType, 1)
      request.add(name!, ...args)
    }
    if (atOnce) request.add('EXEC')
    let replies = await redis.ask(request)
    if (atOnce) {
      const results = replies.at(-1)
      if (!Array.isArray(results)) return results instanceof ReplyError ? results.text : 'EXECABORT'
      replies = results
    }
    for (const [index, isTyped] of typed.entries())
      if (isTyped) replies[index] = await withTypes(redis, replies[index]!)
    let at = 0
    return refusals.map((it) => (it === undefined ? replies[at++]! : new ReplyError(it)))
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests += 1
    const bytes = await bodyOf(request)
    const send = (status: number, body: string, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(body)
    }
    const error = (status: number, text: string): void => send(status, JSON.stringify({ error: text }))
    const fault = faults.shift()
    if (fault && 'stall' in fault) return
    if (fault && 'status' in fault) {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }
      return send(
        fault.status,
        fault.error === undefined ? '<html>' : JSON.stringify({ error: fault.error }),
        headers,
      )
    }
    if (fault && 'answer' in fault) return send(200, fault.answer)
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (bearer !== token && bearer !== readOnlyToken)
      return error(401, 'WRONGPASS invalid or missing auth token')
    if (bytes.length > requestBytes)
      return error(
        400,
        `ERR max request size exceeded. Limit: ${requestBytes} bytes, Actual: ${bytes.length} bytes`,
      )
    const path = request.url ?? '/'
    const { 'upstash-sync-token': syncToken } = request.headers
    syncTokens.push(typeof syncToken === 'string' ? syncToken : undefined)
    if (request.method !== 'POST' || !['/', '/pipeline', '/multi-exec'].includes(path))
      return error(404, 'ERR not found')
    const body = bytes.toString()
    await see?.(path, body)
    const commands = readCommands(path, body)
    if (commands === undefined) return error(400, 'ERR failed to parse command')
    largest = Math.max(largest, commands.length)
    const replies = await run(commands, path === '/multi-exec', bearer === readOnlyToken)
    if (typeof replies === 'string') return error(400, replies)
    if (path === '/' && replies[0] instanceof ReplyError) return error(400, replies[0].text)
    const isBase64 = request.headers['upstash-encoding'] === 'base64' && !unavailable.has('BASE64')
    const elements = replies.map((it) => JSON.stringify(element(it, isBase64)))
    const text = path === '/' ? elements[0]! : `[${elements.join(',')}]`
    const headers = { 'upstash-sync-token': `token:${requests}` }
    if (!fault) return send(200, text, headers)
    const cut = text.slice(0, fault.cutAfter)
    if (fault.end) return send(200, cut, headers)
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': String(text.length),
      ...headers,
    })
    response.write(cut, () => response.destroy())
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((failure: unknown) => {
      response.destroy(failure instanceof Error ? failure : undefined)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    token,
    readOnlyToken,
    get billed() {
      return billed
    },
    get requests() {
      return requests
    },
    get largest() {
      return largest
    },
    syncTokens,
    fail: (...more) => {
      faults = [...more]
    },
    quota: (left, daily) => {
      quota = left
      quotaSize = billed + left
      isDaily = daily !== undefined
    },
    scanTwice: () => {
      const now = { was: false }
      twice = now
      return () => now.was
    },
    onRequest: (callback) => {
      see = callback
    },
    stop: async () => {
      redis.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

// A connection to the Redis behind it; requests are answered in order.
class Line {
  readonly #socket: Socket
  readonly #waiting: { expected: number; replies: Reply[]; resolve(replies: Reply[]): void }[] = []

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const reader = new RespReader((reply) => {
      const [first] = this.#waiting
      first!.replies.push(reply)
      if (first!.replies.length === first!.expected) this.#waiting.shift()!.resolve(first!.replies)
    })
    this.#socket.on('data', (chunk) => reader.push(Buffer.from(chunk)))
    this.#socket.on('error', () => {})
  }

  ask(request: Request): Promise<Reply[]> {
    if (request.commands === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      this.#waiting.push({ expected: request.commands, replies: [], resolve })
      this.#socket.write(request.bytes())
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

async function withTypes(redis: Line, reply: Reply): Promise<Reply> {
  if (!Array.isArray(reply)) return reply
  const [cursor, keys] = reply as [Buffer, Buffer[]]
  const request = new Request()
  for (const key of keys) request.add('TYPE', key)
  const types = await redis.ask(request)
  return [cursor, keys.flatMap((key, index) => [key, Buffer.from(String(types[index]))])]
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

// `["GET", "a"]`, or a list of those: strings and numbers only, and none of them empty.
function readCommands(path: string, body: string): string[][] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return undefined
  }
  const commands = path === '/' ? [parsed] : parsed
  if (!Array.isArray(commands) || commands.length === 0) return undefined
  for (const command of commands) {
    if (!Array.isArray(command) || command.length === 0) return undefined
    if (command.some((it) => typeof it !== 'string' && typeof it !== 'number')) return undefined
  }
  return commands.map((command) => command.map(String))
}

function element(reply: Reply, isBase64: boolean): unknown {
  return reply instanceof ReplyError ? { error: reply.text } : { result: encoded(reply, isBase64) }
}

function encoded(reply: Reply, isBase64: boolean): unknown {
  if (reply === null || typeof reply === 'number') return reply
  if (Array.isArray(reply)) return reply.map((it) => encoded(it, isBase64))
  if (reply instanceof ReplyError) throw new Error('an error within a result')
  if (reply === 'OK') return reply
  const bytes = Buffer.from(reply as Buffer | string)
  return isBase64 ? bytes.toString('base64') : bytes.toString()
}

const FREE: ReadonlySet<string> = new Set(['PING', 'INFO', 'AUTH'])
const NOT_FOR_READERS: ReadonlySet<string> = new Set([
  'SCAN',
  'KEYS',
  'SET',
  'DEL',
  'EVAL',
  'FLUSHALL',
  'HSET',
])
/** Of those that Upstash offers, the ones a reader may want, and some to write with. */
const COMMANDS: ReadonlySet<string> = new Set(
  `PING INFO DBSIZE SCAN TYPE GET MGET STRLEN TTL PTTL EXPIRETIME PEXPIRETIME TIME EXISTS HGETALL HGET HEXISTS HMGET HLEN HSCAN
  LRANGE LLEN LINDEX SMEMBERS SCARD SSCAN SISMEMBER SMISMEMBER ZRANGE ZCARD ZSCAN ZSCORE ZMSCORE XRANGE XLEN EVAL EVAL_RO
  SET DEL HSET HDEL INCR RPUSH FLUSHALL ECHO`.split(/\s+/),
)
