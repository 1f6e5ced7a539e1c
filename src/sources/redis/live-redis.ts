import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { SourceError } from '../../errors.ts'
import type { Change } from '../change.ts'
import type {
  LiveAnswer,
  LiveApplied,
  LiveCommand,
  LiveContext,
  LivePlace,
  LiveRecord,
  LiveStore,
  LiveWrite,
} from '../live-store.ts'
import type { Entry, EntryValue } from '../source.ts'
import type { RedisAddress } from './address.ts'
import { trust } from './connection.ts'
import { explain, lost } from './explain.ts'
import { COMMAND, EPOCHS, RAISE, READ, versionsKey, WRITE } from './live-script.ts'
import { readValue } from './value.ts'

/** A Redis that is written to by the protocol. A lost connection is made again; what was under way then has failed, or not. */
export class LiveRedis implements LiveStore {
  readonly label: string
  readonly #client: Redis

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
    this.#client = client
    this.label = label
  }

  async apply({ plan, epoch, changes }: LiveWrite): Promise<LiveApplied> {
    const keys: (string | Buffer)[] = [EPOCHS]
    const args: (string | Buffer)[] = [plan, String(epoch)]
    for (const { key, part, change, version } of changes) {
      keys.push(key, versionsKey(key))
      const { verb, expiry, values } = commandOf(part, change)
      args.push(
        part,
        version === undefined ? '' : String(version),
        verb,
        expiry,
        String(values.length),
        ...values,
      )
    }
    const reply = (await this.#run(WRITE, keys, args)) as Buffer[]
    const words = reply.map(String)
    if (words[0] === 'fenced') return { fenced: true, epoch: Number(words[1]) }
    return { fenced: false, results: words as ('applied' | 'older')[] }
  }

  read(records: readonly LivePlace[]): Promise<readonly LiveRecord[]> {
    return Promise.all(
      records.map(async ({ key, part }) => {
        const { kind, name } = elementOf(part)
        const reply = await this.#run(READ, [key, versionsKey(key)], [part, kind, name])
        const [type, expiry, version, value] = reply as [Buffer, Buffer, Buffer, unknown]
        return {
          version: Number(version),
          entry: entryOf(key, String(type), Number(String(expiry)), value),
        }
      }),
    )
  }

  async command({ plan, epoch, keys, commands }: LiveCommand): Promise<LiveAnswer> {
    const words = commands.flatMap((it) => [String(it.length), ...it])
    const [word, ...answers] = (await this.#run(
      COMMAND,
      [EPOCHS, ...keys],
      [plan, String(epoch), ...words],
    )) as [Buffer, ...unknown[]]
    if (String(word) === 'fenced') return { fenced: true, epoch: Number(String(answers[0])) }
    return {
      fenced: false,
      replies: (answers as [number, unknown][]).map(([isError, reply]) =>
        isError ? { reply: null, error: String(reply) } : { reply: reply ?? null },
      ),
    }
  }

  async clock(): Promise<number> {
    const [seconds, micros] = await this.#ask(() => this.#client.time())
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
  }

  async raiseEpoch(plan: string, epoch: number): Promise<void> {
    await this.#run(RAISE, [EPOCHS], [plan, String(epoch)])
  }

  async epoch(plan: string): Promise<number | undefined> {
    const seen = await this.#ask(() => this.#client.hget(EPOCHS, plan))
    return seen === null ? undefined : Number(seen)
  }

  async forget(plan: string, keys: readonly Buffer[]): Promise<void> {
    await this.#ask(() => this.#client.hdel(EPOCHS, plan))
    for (let at = 0; at < keys.length; at += 500)
      await this.#ask(() => this.#client.del(...keys.slice(at, at + 500).map(versionsKey)))
  }

  async close(): Promise<void> {
    this.#client.disconnect()
  }

  async #run(
    script: string,
    keys: readonly (string | Buffer)[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.#ask(() => this.#client.callBuffer('EVALSHA', sha1(script), ...rest))
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== NO_SCRIPT) throw error
      return this.#ask(() => this.#client.callBuffer('EVAL', script, ...rest))
    }
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const { message = '' } = error as { message?: string }
      if (message.startsWith('NOSCRIPT')) throw new SourceError(NO_SCRIPT, 'The script is not there yet.')
      if (message === 'Command timed out')
        throw new SourceError('SOURCE_TIMEOUT', `${this.label} did not answer in time.`)
      if (/WRONGTYPE/.test(message))
        throw new SourceError(
          'SOURCE_WRONGTYPE',
          `A key of ${this.label} holds another type than the plan says.`,
        )
      if (/^[A-Z]{2,} /.test(message)) throw explain(this.label, error)
      throw lost(this.label)
    }
  }
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

interface Command {
  readonly verb: string
  /** '' leaves it as it is, '-' takes it off. */
  readonly expiry: string
  readonly values: readonly (string | Buffer)[]
}

function commandOf(part: string, change: Change): Command {
  const { kind, name } = elementOf(part)
  if (change.do === 'delete') {
    if (kind === '') return { verb: 'DEL', expiry: '', values: [] }
    return { verb: kind === 'field' ? '-HDEL' : '-MEMBER', expiry: '', values: [name] }
  }
  const { value, expiresAt } = change
  const expiry = change.persist ? PERSIST : expiresAt === null ? '' : String(expiresAt)
  const sign = kind === '' ? '' : '+'
  switch (value.type) {
    case 'string':
      return { verb: 'SET', expiry, values: [value.bytes] }
    case 'hash':
      return { verb: value.pairs.length === 0 ? 'DEL' : `${sign}HSET`, expiry, values: value.pairs }
    case 'list':
      return { verb: value.items.length === 0 ? 'DEL' : 'RPUSH', expiry, values: value.items }
    case 'set':
      return { verb: value.members.length === 0 ? 'DEL' : `${sign}SADD`, expiry, values: value.members }
    case 'zset': {
      const scored = value.members.flatMap((member, index) => [scoreText(value.scores[index]!), member])
      return { verb: scored.length === 0 ? 'DEL' : `${sign}ZADD`, expiry, values: scored }
    }
    case 'stream':
      throw new SourceError(
        'LIVE_STREAM',
        'A stream cannot be written twice: Redis gives its messages their ids.',
      )
  }
}

const PERSIST = '-'

const scoreText = (score: number): string =>
  score === Number.POSITIVE_INFINITY ? '+inf' : score === Number.NEGATIVE_INFINITY ? '-inf' : String(score)

/** `field:name` and `member:x`; '' is the whole key. */
function elementOf(part: string): { readonly kind: '' | 'field' | 'member'; readonly name: string } {
  if (part === '') return { kind: '', name: '' }
  const colon = part.indexOf(':')
  const kind = part.slice(0, colon)
  if (kind !== 'field' && kind !== 'member')
    throw new SourceError(
      'LIVE_PART',
      `A record that is the ${kind} of an entry cannot be written by itself.`,
    )
  return { kind, name: part.slice(colon + 1) }
}

function entryOf(key: Buffer, type: string, expiry: number, value: unknown): Entry | undefined {
  if (type === 'none') return undefined
  const known = TYPES.has(type)
  return {
    key,
    // The set has exactly the types of an entry.
    type: known ? (type as EntryValue['type']) : `unknown:${type}`,
    ...(known && { value: readValue(type as EntryValue['type'], value as Buffer) }),
    expiresAt: expiry < 0 ? null : expiry,
    offset: 0,
    more: false,
  }
}

const TYPES: ReadonlySet<string> = new Set(['string', 'hash', 'list', 'set', 'zset', 'stream'])
