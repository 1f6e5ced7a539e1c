import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { SourceError } from '../../errors.ts'
import type { LiveAnswer, LiveCommand, LiveContext, LiveWatch } from '../live-store.ts'
import type { RedisAddress } from './address.ts'
import { trust } from './connection.ts'
import { explain, lost } from './explain.ts'
import { commandScript, repliesOf, type Script, ScriptedStore } from './scripted-store.ts'

/** A Redis that is written to by the protocol. A lost connection is made again; what was under way then has failed, or not. */
export class LiveRedis extends ScriptedStore {
  readonly #client: Redis
  readonly #watching = new Set<Redis>()
  #idle: Redis[] = []

  /** Connects at once, so that a wrong address or password shows here. */
  static async open(
    address: RedisAddress,
    { signal, timeoutMillis = TIMEOUT_MILLIS }: LiveContext,
  ): Promise<LiveRedis> {
    const tls = address.tls ? { tls: await trust(address) } : {}
    const { Redis } = await import('ioredis')
    signal.throwIfAborted()
    const client = new Redis({
      host: address.host,
      port: address.port,
      db: address.database,
      ...(address.username === undefined ? {} : { username: address.username }),
      ...(address.password === undefined ? {} : { password: address.password }),
      ...tls,
      lazyConnect: true,
      protocol: 2,
      connectTimeout: CONNECT_MILLIS,
      commandTimeout: timeoutMillis,
      keepAlive: 30_000,
      retryStrategy: (attempt) => Math.min(20 * 2 ** Math.min(attempt, 6), 1000),
      // A command is sent once: what is resent or queued behind the caller's back lands after newer ones.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      disableClientInfo: true,
    })
    let failure: unknown
    client.on('error', (error) => {
      failure = error
    })
    const store = new LiveRedis(client, address.label)
    try {
      await client.connect()
      signal.addEventListener('abort', () => client.disconnect(), { once: true })
      return store
    } catch (error) {
      client.disconnect()
      throw explain(address.label, failure ?? error)
    }
  }

  private constructor(client: Redis, label: string) {
    super(label)
    this.#client = client
  }

  async close(): Promise<void> {
    for (const it of this.#watching) it.disconnect()
    this.#client.disconnect()
  }

  async watch(): Promise<LiveWatch> {
    const client = this.#idle.pop() ?? (await this.#another())
    const told = <T>(work: Promise<T>): Promise<T> =>
      work.catch((error) => {
        throw this.#told(error)
      })
    return {
      watch: async (keys) => {
        await told(client.watch(...keys))
      },
      command: (command) => told(commandWatched(client, command)),
      close: () => {
        client.unwatch().then(
          () => this.#idle.push(client),
          () => client.disconnect(),
        )
      },
    }
  }

  async #another(): Promise<Redis> {
    // What was watched on a connection that is gone would not be on the next one.
    const client = this.#client.duplicate({ retryStrategy: () => null })
    client.on('error', () => {})
    client.on('end', () => {
      this.#watching.delete(client)
      this.#idle = this.#idle.filter((it) => it !== client)
    })
    this.#watching.add(client)
    await client.connect().catch(() => {
      throw lost(this.label)
    })
    return client
  }

  protected async run({ text, keys, args }: Script): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.ask(['EVALSHA', sha1(text), ...rest])
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== NO_SCRIPT) throw error
      return this.ask(['EVAL', text, ...rest])
    }
  }

  protected async ask([name, ...args]: readonly (string | Buffer)[]): Promise<unknown> {
    try {
      return await this.#client.callBuffer(String(name), ...args)
    } catch (error) {
      throw this.#told(error)
    }
  }

  #told(error: unknown): Error {
    const { message = '' } = error as { message?: string }
    if (message.startsWith('NOSCRIPT')) return new SourceError(NO_SCRIPT, 'The script is not there yet.')
    if (message === 'Command timed out')
      return new SourceError('SOURCE_TIMEOUT', `${this.label} did not answer in time.`)
    if (/WRONGTYPE/.test(message))
      return new SourceError(
        'SOURCE_WRONGTYPE',
        `A key of ${this.label} holds another type than the plan says.`,
      )
    return /^[A-Z]{2,} /.test(message) ? explain(this.label, error) : lost(this.label)
  }
}

async function commandWatched(client: Redis, command: LiveCommand): Promise<LiveAnswer | undefined> {
  const { text, keys, args } = commandScript(command)
  const answers = await client
    .multi()
    .callBuffer('EVAL', text, String(keys.length), ...keys, ...args)
    .exec()
  if (!answers) return undefined
  const [[error, reply]] = answers as [[Error | null, unknown]]
  if (error) throw error
  return repliesOf(reply)
}

const CONNECT_MILLIS = 10_000
const TIMEOUT_MILLIS = 2000
const NO_SCRIPT = 'SOURCE_NOSCRIPT'

const hashes = new Map<string, string>()
function sha1(script: string): string {
  const known = hashes.get(script) ?? createHash('sha1').update(script).digest('hex')
  hashes.set(script, known)
  return known
}
