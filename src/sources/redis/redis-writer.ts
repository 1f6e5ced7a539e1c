import { SourceError } from '../../errors.ts'
import type { EntryValue, SourceContext } from '../source.ts'
import type { StoreWriter, WrittenEntry } from '../writer.ts'
import type { RedisAddress } from './address.ts'
import { Connection, LIMITS, type Line } from './connection.ts'
import { explain } from './explain.ts'
import { Pace } from './pace.ts'
import { type Reply, ReplyError, Request } from './resp.ts'

/** A Redis database that is open for writing, by plain commands in pipelines: no RESTORE, so that any version and provider takes them. */
export class RedisWriter implements StoreWriter {
  readonly label: string
  readonly #line: Line
  readonly #connection: Connection

  static async open(
    address: RedisAddress,
    { signal, perSecond }: Pick<SourceContext, 'signal' | 'perSecond'>,
  ): Promise<RedisWriter> {
    const pace = perSecond === undefined ? undefined : new Pace(perSecond)
    const line: Line = {
      address,
      signal,
      pace,
      allowance: undefined,
      limits: LIMITS,
      sent: 0,
      isNode: false,
      isReplica: false,
    }
    return new RedisWriter(line, await Connection.open(line))
  }

  private constructor(line: Line, connection: Connection) {
    this.label = line.address.label
    this.#line = line
    this.#connection = connection
  }

  async count(): Promise<number> {
    const [reply] = await this.#ask(new Request().add('DBSIZE'))
    return Number(reply)
  }

  async exist(keys: readonly Buffer[]): Promise<readonly boolean[]> {
    if (keys.length === 0) return []
    const request = new Request()
    for (const key of keys) request.add('EXISTS', key)
    return (await this.#ask(request)).map((it) => it === 1)
  }

  async write(entries: readonly WrittenEntry[]): Promise<void> {
    const request = new Request()
    for (const entry of entries) addCommands(request, entry)
    if (request.commands > 0) await this.#ask(request)
  }

  commands(): number {
    return this.#line.sent
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  // The first error is told; what was asked behind it was done all the same.
  async #ask(request: Request): Promise<readonly Reply[]> {
    const replies = await this.#connection.ask(request)
    const refused = replies.find((it) => it instanceof ReplyError)
    if (refused) throw explain(this.label, refused)
    return replies
  }
}

/** Arguments of one command, an even number so that pairs stay together. */
const AT_ONCE = 1000

function addCommands(request: Request, { key, value, expiresAt }: WrittenEntry): void {
  if (!value) throw new SourceError('SOURCE_FORMAT', 'There is an entry without a value to write.')
  addValue(request, key, value)
  if (expiresAt !== null) request.add('PEXPIREAT', key, String(expiresAt))
}

function addValue(request: Request, key: Buffer, value: EntryValue): void {
  const inPieces = (name: string, items: readonly Buffer[]): void => {
    for (let at = 0; at < items.length; at += AT_ONCE)
      request.addMany(name, [key, ...items.slice(at, at + AT_ONCE)])
  }
  switch (value.type) {
    case 'string':
      request.add('SET', key, value.bytes)
      break
    case 'hash':
      inPieces('HSET', value.pairs)
      for (const [index, expiry] of (value.expiries ?? []).entries())
        if (expiry !== null)
          request.add('HPEXPIREAT', key, String(expiry), 'FIELDS', '1', value.pairs[index * 2]!)
      break
    case 'list':
      inPieces('RPUSH', value.items)
      break
    case 'set':
      inPieces('SADD', value.members)
      break
    case 'zset':
      inPieces(
        'ZADD',
        value.members.flatMap((member, index) => [Buffer.from(scoreText(value.scores[index]!)), member]),
      )
      break
    case 'stream':
      for (const { id, pairs } of value.messages) request.addMany('XADD', [key, Buffer.from(id), ...pairs])
  }
}

const scoreText = (score: number): string =>
  Number.isFinite(score) ? (Object.is(score, -0) ? '-0' : String(score)) : score > 0 ? '+inf' : '-inf'
