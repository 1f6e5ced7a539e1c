import { SourceError } from '../../errors.ts'
import type { StoreEditor } from '../editor.ts'
import type { Answer, Question } from '../question.ts'
import type { Cursor, Page, Selection, Source, SourceContext } from '../source.ts'
import type { RedisAddress } from './address.ts'
import { readWhole } from './apart.ts'
import { askAll } from './ask.ts'
import { Connection, LIMITS, type Limits, type Line } from './connection.ts'
import { RedisEditor } from './editor.ts'
import { explain, mayPass } from './explain.ts'
import { MONOTONIC, Pace } from './pace.ts'
import { mostAtRate, PageSize } from './page-size.ts'
import type { Replicating } from './replication.ts'
import { type Reply, ReplyError, Request } from './resp.ts'
import { END, START, scanPages } from './scan.ts'
import { callsOf, timeOf } from './server-facts.ts'
import type { Habits, Store } from './store.ts'

/** A Redis database that is open for reading. A lost connection is made again; another server at the same address is noticed. */
export class RedisSource implements Source {
  readonly label: string
  readonly #line: Line
  readonly #stop = new AbortController()
  readonly #size: PageSize
  readonly #habits: Habits = { expiry: 'none', expected: 'string', fieldExpiry: 'told' }
  readonly #cluster: Store['cluster']
  #connection: Connection | undefined
  #warnings: readonly string[] = []
  #connecting: Promise<Connection> | undefined

  /** Connects at once, so that a wrong address or password shows here. */
  static async open(
    address: RedisAddress,
    {
      signal,
      perSecond,
      allowance,
      gentle = false,
    }: Pick<SourceContext, 'signal' | 'perSecond' | 'allowance' | 'gentle'>,
    limits: Limits = LIMITS,
    cluster?: Store['cluster'],
  ): Promise<RedisSource> {
    const source = new RedisSource(address, { signal, perSecond, allowance, gentle, cluster }, limits)
    const { replicating } = await source.#connected()
    if (replicating?.isReplica && !cluster) source.#warnings = [lagOf(address.label, replicating)]
    return source
  }

  private constructor(
    address: RedisAddress,
    {
      signal,
      perSecond,
      allowance,
      gentle,
      cluster,
    }: Pick<SourceContext, 'signal'> & {
      readonly perSecond: number | undefined
      readonly allowance: SourceContext['allowance'] | undefined
      readonly gentle: boolean
      readonly cluster: Store['cluster']
    },
    limits: Limits,
  ) {
    this.label = address.label
    this.#cluster = cluster
    this.#size = new PageSize(perSecond === undefined ? undefined : mostAtRate(perSecond), { gentle })
    this.#line = {
      address,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      pace: perSecond === undefined ? undefined : new Pace(perSecond),
      allowance,
      isNode: cluster !== undefined,
      isReplica: cluster?.isReplica === true,
      limits,
      sent: 0,
    }
  }

  get warnings(): readonly string[] {
    return this.#warnings
  }

  /** Run id and database. A restarted server is another one; where INFO is refused, every connection is. */
  async identity(): Promise<string> {
    return this.#identityOf(await this.#connected())
  }

  /**
   * Entries in SCAN's order. After a lost connection it goes on at the cursor it gave last. Throws SourceError SOURCE_CHANGED if another
   * server answers by then: cursors are not the same there, so the scan has to begin anew.
   */
  async *scan(selection: Selection, from: Cursor = START): AsyncGenerator<Page> {
    if (!/^(\d{1,20}|end)$/.test(from))
      throw new SourceError(
        'SOURCE_CURSOR',
        `What was kept as the place in ${this.label} is no cursor of a Redis.`,
      )
    const identity = await this.identity()
    let cursor = from
    let failures = 0
    while (cursor !== END) {
      try {
        for await (const page of scanPages(await this.#store(identity), selection, cursor, this.#size)) {
          yield page
          if (page.cursor === undefined) continue
          cursor = page.cursor
          failures = 0
        }
      } catch (error) {
        await this.#recover(error, ++failures)
      }
    }
  }

  /** SCAN counts upwards in the reversed bits of its cursor, whatever the size of the table. */
  reached(cursor: Cursor): number {
    if (cursor === END) return 1
    const bits = BigInt(cursor).toString(2).padStart(64, '0')
    return Number(BigInt(`0b${[...bits].reverse().join('')}`)) / 2 ** 64
  }

  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    const identity = await this.identity()
    let failures = 0
    for (let at = 0; at < keys.length; ) {
      const some = keys.slice(at, at + this.#size.count)
      try {
        const store = await this.#store(identity)
        const { first, rest } = await readWhole(store, some)
        this.#size.learn(first.entries)
        if (first.entries.length > 0) yield { entries: first.entries, expired: 0 }
        for await (const { entries } of rest ?? []) if (entries.length > 0) yield { entries, expired: 0 }
        at += some.length
        failures = 0
      } catch (error) {
        await this.#recover(error, ++failures)
      }
    }
  }

  async ask(questions: readonly Question[]): Promise<readonly Answer[]> {
    const identity = await this.identity()
    for (let failures = 0; ; ) {
      try {
        return await askAll(await this.#store(identity), questions)
      } catch (error) {
        await this.#recover(error, ++failures)
      }
    }
  }

  async count(): Promise<number> {
    const connection = await this.#connected()
    const [reply] = await connection.ask(new Request().add('DBSIZE'))
    if (typeof reply !== 'number') throw explain(this.label, reply)
    return reply
  }

  async clocks(): Promise<readonly number[]> {
    return [timeOf(this.label, await this.run('TIME'))]
  }

  async calls(): Promise<ReadonlyMap<string, number>> {
    return callsOf(await this.run('INFO', 'commandstats'))
  }

  /** One command, for what a cluster says of itself. Rejects with SourceError. */
  async run(name: string, ...args: readonly string[]): Promise<Reply> {
    const connection = await this.#connected()
    const [reply] = await connection.ask(new Request().add(name, ...args))
    if (reply instanceof ReplyError || reply === undefined) throw explain(this.label, reply)
    return reply
  }

  async edit(): Promise<StoreEditor> {
    const identity = await this.identity()
    return new RedisEditor({
      label: this.label,
      connect: async () => {
        const connection = await Connection.open(this.#line)
        if (this.#identityOf(connection) === identity || connection.runId === undefined) return connection
        connection.close()
        throw this.#changed()
      },
      read: (keys) => this.read(keys),
      wait: (error, failures) => this.#recover(error, failures),
    })
  }

  commands(): number {
    return this.#line.sent
  }

  /** At once; what is under way rejects with SourceError SOURCE_CLOSED. */
  async close(): Promise<void> {
    this.#stop.abort(new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`))
  }

  async #connected(): Promise<Connection> {
    if (this.#connection && !this.#connection.isBroken) return this.#connection
    this.#connecting ??= this.#connect()
    return this.#connecting
  }

  async #connect(): Promise<Connection> {
    try {
      this.#connection = await Connection.open(this.#line)
      return this.#connection
    } finally {
      this.#connecting = undefined
    }
  }

  async #store(identity: string): Promise<Store> {
    const connection = await this.#connected()
    if (this.#identityOf(connection) !== identity) throw this.#changed()
    return {
      connection,
      label: this.label,
      database: this.#line.address.database,
      habits: this.#habits,
      cluster: this.#cluster,
      another: async () => {
        const other = await Connection.open(this.#line)
        if (other.runId === connection.runId) return other
        other.close()
        throw this.#changed()
      },
    }
  }

  #identityOf({ runId, name }: Connection): string {
    return `redis:${runId ?? name}:${this.#line.address.database}`
  }

  #changed(): SourceError {
    return new SourceError(
      'SOURCE_CHANGED',
      `${this.label} is another server than before: it was restarted or has failed over, and its cursors mean nothing any more.`,
      { hint: 'The scan has to begin anew; what was copied is not copied twice.' },
    )
  }

  // Returns when it is worth trying again, throws when it is not.
  async #recover(error: unknown, failures: number): Promise<void> {
    this.#line.signal.throwIfAborted()
    const { attempts, longestWaitMillis } = this.#line.limits
    if (!mayPass(error) || failures > attempts) throw error
    await MONOTONIC.sleep(
      Math.min(FIRST_WAIT_MILLIS * 2 ** (failures - 1), longestWaitMillis),
      this.#line.signal,
    )
  }
}

const FIRST_WAIT_MILLIS = 20

function lagOf(label: string, { isLinked, silentSeconds }: Replicating): string {
  const since = silentSeconds === undefined ? '' : ` ${silentSeconds} s ago`
  const state = isLinked
    ? `heard of its primary${since}`
    : silentSeconds === undefined
      ? 'is not in touch with its primary'
      : `lost its primary${since}`
  return `${label} is a replica and ${state}: what it does not have yet is not copied, and it cannot be written to.`
}
