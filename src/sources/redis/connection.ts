import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { Redis } from 'ioredis'
import { SourceError } from '../../errors.ts'
import type { Allowance } from '../source.ts'
import type { RedisAddress } from './address.ts'
import { explain, lost } from './explain.ts'
import type { Pace } from './pace.ts'
import { type Replicating, readReplication } from './replication.ts'
import {
  ProtocolError,
  type Reply,
  ReplyError,
  type Request,
  Request as Requests,
  RespReader,
} from './resp.ts'

/** What the connections of one source share. */
export interface Line {
  readonly address: RedisAddress
  readonly signal: AbortSignal
  readonly pace: Pace | undefined
  readonly allowance: Allowance | undefined
  readonly limits: Limits
  /** Is it asked as a node of a cluster, which only has some of the keys? */
  readonly isNode: boolean
  /** A replica of one: it answers about its master's keys when it is told that they may be old. */
  readonly isReplica: boolean
  /** Commands sent so far, on any connection. */
  sent: number
}

export interface Limits {
  readonly connectMillis: number
  /** A server that owes an answer and says nothing for so long is taken for lost. */
  readonly silenceMillis: number
  /** How often the same is asked again after a fault that may pass, with longer and longer waits in between. */
  readonly attempts: number
  readonly longestWaitMillis: number
}

export const LIMITS: Limits = {
  connectMillis: 10_000,
  silenceMillis: 60_000,
  attempts: 10,
  longestWaitMillis: 2000,
}

/**
 * A connection for bulk reading. ioredis connects, secures and authenticates; then the socket is taken over, so that replies are read as
 * bytes in place instead of through a general client. Requests are answered in order; a connection that broke stays broken.
 */
export class Connection {
  /** Different after every restart and on every other server; undefined where INFO is refused or silent. */
  runId: string | undefined
  /** As it was when the connection was made. */
  replicating: Replicating | undefined
  /** Its own, of no other connection. */
  readonly name = randomUUID()
  readonly #line: Line
  readonly #client: Redis
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  readonly #abort = (): void => this.#fail(this.#line.signal.reason)
  #failure: { readonly reason: unknown } | undefined

  static async open(line: Line): Promise<Connection> {
    const connection = new Connection(line, await connected(line))
    try {
      await connection.#introduce()
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  private constructor(line: Line, client: Redis) {
    this.#line = line
    this.#client = client
    this.#socket = client.stream
    const reader = new RespReader(
      (reply) => this.#answer(reply),
      () => this.#waiting[0]?.packs ?? false,
    )
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        this.#fail(explain(line.address.label, error))
      }
    })
    this.#socket.on('error', (error) => this.#fail(explain(line.address.label, error)))
    this.#socket.on('close', () => this.#fail(lost(line.address.label)))
    this.#socket.setTimeout(line.limits.silenceMillis, () => {
      if (this.#waiting.length > 0) this.#fail(explain(line.address.label, { code: 'ETIMEDOUT' }))
    })
    line.signal.addEventListener('abort', this.#abort, { once: true })
    if (line.signal.aborted) this.#abort()
  }

  get isBroken(): boolean {
    return this.#failure !== undefined
  }

  /** Sends the commands in one go and gives their replies in order. Errors that Redis answers are among the replies. */
  async ask(request: Request): Promise<Reply[]> {
    if (this.#line.pace) await this.#line.pace.take(request.commands, this.#line.signal)
    if (this.#line.allowance) await this.#line.allowance.take(request.commands)
    if (this.#failure) throw this.#failure.reason
    this.#line.sent += request.commands
    return new Promise((resolve, reject) => {
      this.#waiting.push({ expected: request.commands, packs: request.packs, replies: [], resolve, reject })
      this.#socket.write(request.bytes())
    })
  }

  /** At once, also while replies are under way: those are rejected. */
  close(): void {
    this.#fail(lost(this.#line.address.label))
  }

  async #introduce(): Promise<void> {
    const { database, label } = this.#line.address
    const request = new Requests().add('SELECT', String(database)).add('INFO')
    if (this.#line.isReplica) request.add('READONLY')
    const [selected, info, readonly] = await this.ask(request)
    for (const it of [selected, readonly]) if (it instanceof ReplyError) throw explain(label, it)
    const text = Buffer.isBuffer(info) ? info.toString('latin1') : ''
    this.replicating = readReplication(text)
    this.runId = /^run_id:(\w+)/m.exec(text)?.[1]
    // Valkey calls it server_mode.
    if (/^(redis|server)_mode:cluster/m.test(text) && !this.#line.isNode)
      throw explain(label, new ReplyError('MOVED'))
    const [, major = 0, minor = 0] = /^redis_version:(\d+)\.(\d+)/m.exec(text)?.map(Number) ?? []
    // What kvmig reads is no use of a key: whoever asks later since when nobody has used it is not told of us. A user may not be allowed to.
    if (major > 7 || (major === 7 && minor >= 2))
      await this.ask(new Requests().add('CLIENT', 'NO-TOUCH', 'ON'))
  }

  #answer(reply: Reply): void {
    const first = this.#waiting[0]
    if (first === undefined) throw new ProtocolError('an answer that nobody asked for')
    first.replies.push(reply)
    if (first.replies.length < first.expected) return
    this.#waiting.shift()
    first.resolve(first.replies)
  }

  #fail(reason: unknown): void {
    if (this.#failure) return
    this.#failure = { reason }
    this.#line.signal.removeEventListener('abort', this.#abort)
    this.#socket.destroy()
    this.#client.disconnect()
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
  }
}

interface Waiting {
  readonly expected: number
  readonly packs: boolean
  readonly replies: Reply[]
  readonly resolve: (replies: Reply[]) => void
  readonly reject: (reason: unknown) => void
}

async function connected({ address, signal, limits }: Line): Promise<Redis> {
  const tls = address.tls ? { tls: await trust(address) } : {}
  const { Redis } = await import('ioredis')
  signal.throwIfAborted()
  const client = new Redis({
    host: address.host,
    port: address.port,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...tls,
    lazyConnect: true,
    protocol: 2,
    stringNumbers: true,
    connectTimeout: limits.connectMillis,
    keepAlive: 30_000,
    // Whoever asked decides what is asked again: nothing is queued, resent or retried behind its back.
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
  })
  let failure: unknown
  client.on('error', (error) => {
    failure ??= error
  })
  const abort = (): void => client.disconnect()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.connect()
    return client
  } catch (error) {
    client.disconnect()
    throw signal.aborted ? signal.reason : explain(address.label, failure ?? error)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Said explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment does not switch it off. */
export async function trust({
  authority,
}: RedisAddress): Promise<{ rejectUnauthorized: true; ca?: string[] }> {
  if (authority === undefined) return { rejectUnauthorized: true }
  const { rootCertificates } = await import('node:tls')
  try {
    return { rejectUnauthorized: true, ca: [...rootCertificates, await readFile(authority, 'utf8')] }
  } catch (error) {
    throw new SourceError('SOURCE_TLS', `The file of certificates ${authority} cannot be read.`, {
      cause: error,
    })
  }
}
