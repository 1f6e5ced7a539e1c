import pg from 'pg'
import { TargetError } from '../errors.ts'
import type { PostgresAddress } from './address.ts'
import { awake, type Patience } from './again.ts'
import { DatabaseError, targetError } from './error.ts'
import { wireOf } from './postgres-wire.ts'
import { BEHIND_A_POOLER, type Provider } from './provider.ts'
import { Session } from './session.ts'
import { tryWatchClient } from './settings.ts'
import { Slots } from './slots.ts'
import type { Target, TargetPlace, Transaction, TransactionOptions } from './target.ts'
import { type Lent, runTransaction, type Sessions } from './transaction.ts'

/** Connects, waiting for a server that is just waking up, within bounds, and asks it who it is. */
export async function openPostgres(
  address: PostgresAddress,
  options: {
    readonly signal: AbortSignal | undefined
    readonly connections: number
    readonly patienceMillis: number
    readonly patientLater: boolean
    readonly answerMillis?: number | undefined
    readonly waiting: (sentence: string) => void
  },
): Promise<Target> {
  const pool = new pg.Pool({
    ...address.config,
    Client: TidyClient,
    max: options.connections,
    connectionTimeoutMillis: Math.min(CONNECT_MILLIS, options.patienceMillis),
    keepAlive: true,
    allowExitOnIdle: true,
  })
  // Servers that fall asleep end idle connections: without listeners that would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const { provider, label } = address
  const seconds = Math.ceil(options.patienceMillis / 1000)
  let waited = false
  const patience: Patience = {
    millis: options.patienceMillis,
    sleeps: provider?.sleeps === true,
    waiting: () => {
      waited = true
      const who = provider ? `${provider.title} (${label})` : label
      options.waiting(`${who} is waking up; it is waited for, up to ${counted(seconds)}.`)
    },
  }
  const target = new PostgresTarget(pool, new Slots(options.connections), address, {
    signal: options.signal,
    later: options.patientLater ? { ...patience, onlyWaking: true } : undefined,
    answerMillis: options.answerMillis,
  })
  try {
    await awake(() => target.greet(), options.signal, patience)
    return target
  } catch (error) {
    await target.close()
    throw waited && error instanceof DatabaseError ? asleep(error, counted(seconds)) : error
  }
}

const counted = (seconds: number): string => `${seconds} ${seconds === 1 ? 'second' : 'seconds'}`

const asleep = (error: DatabaseError, time: string): TargetError =>
  new TargetError(error.code, `${error.message} It was asked again and again for ${time}.`, {
    cause: error,
    hint: 'Look at the provider’s console: a project may be paused, or its quota of computing time used up. Then run the same again.',
    ...(error.sqlState === undefined ? {} : { sqlState: error.sqlState }),
  })

const CONNECT_MILLIS = 15_000

/** `pg` leaves the connection open when the server asks for a password and there is none: the server would wait a minute for it. */
class TidyClient extends pg.Client {
  override connect(): Promise<pg.Client>
  override connect(done: (error: Error | null, client: pg.Client) => void): void
  override connect(done?: (error: Error | null, client: pg.Client) => void): Promise<pg.Client> | undefined {
    if (!done) return super.connect()
    super.connect((error: Error | null) => {
      if (error) streamOf(this).destroy()
      done(error, this)
    })
    return undefined
  }
}

// `pg` does not declare all that it has.
const streamOf = (client: pg.Client): { destroy(): void } =>
  (client as unknown as OpenClient).connection.stream

class PostgresTarget implements Target, Sessions {
  readonly kind = 'postgres'
  readonly label: string
  readonly signal: AbortSignal | undefined
  pooled = false
  version = 0
  watchesClient = false
  readonly #pool: pg.Pool
  readonly #slots: Slots
  readonly #address: PostgresAddress
  /** What a server that fell asleep meanwhile is waited for. */
  readonly #later: Patience | undefined
  readonly #answerMillis: number | undefined
  #warnings: readonly string[]
  #user: string | undefined

  constructor(
    pool: pg.Pool,
    slots: Slots,
    address: PostgresAddress,
    {
      signal,
      later,
      answerMillis,
    }: {
      readonly signal: AbortSignal | undefined
      readonly later: Patience | undefined
      readonly answerMillis: number | undefined
    },
  ) {
    this.#answerMillis = answerMillis
    this.#pool = pool
    this.#slots = slots
    this.#address = address
    this.#warnings = address.warnings
    this.#user = address.user
    this.label = address.label
    this.signal = signal
    this.#later = later
  }

  get place(): TargetPlace {
    const { provider } = this.#address
    if (provider) {
      const { name, title, door, says } = provider
      return { provider: name, title: `${title}, ${DOORS[door]}`, says }
    }
    const base = { provider: undefined }
    if (this.pooled) return { ...base, title: 'Postgres behind a transaction pooler', says: BEHIND_A_POOLER }
    return { ...base, title: 'Postgres, directly', says: 'A session is one’s own, and LISTEN works.' }
  }

  get warnings(): readonly string[] {
    return this.#warnings
  }

  async greet(): Promise<void> {
    const client = await this.#connect()
    try {
      const session = this.#session(client)
      const { rows } = await session.run(
        `SELECT current_setting('server_version_num') AS version, pg_backend_pid() AS backend, current_user AS role`,
      )
      this.version = Number(rows[0]!.version)
      this.#user = rows[0]!.role!
      // A pooler answers the login itself, with a process id of its own making.
      this.pooled = this.#address.pooler || String(client.processID) !== rows[0]!.backend
      this.watchesClient = await session.run(tryWatchClient).then(
        () => true,
        () => false,
      )
      if (this.#address.unverified && isUnverified(client)) {
        this.#warnings = [...this.#address.warnings, `${this.label}: ${UNVERIFIED}`]
      }
    } finally {
      this.#release(client, false)
    }
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const millis = this.#answerMillis
    if (millis === undefined) return runTransaction(this, work, options)
    return runTransaction(this, work, {
      statementMillis: millis,
      lockMillis: millis,
      silenceMillis: 2 * (options.statementMillis ?? millis) + SILENCE_MILLIS,
      ...options,
    })
  }

  async lend(): Promise<Lent> {
    const client = await this.#connectAwake()
    return {
      session: this.#session(client),
      cut: () => client.connection.stream.destroy(),
      giveBack: (broken) => this.#release(client, broken),
    }
  }

  async execute(sql: string): Promise<void> {
    const client = await this.#connectAwake()
    try {
      const session = this.#session(client)
      // Such statements take as long as they take. A pooler would give the setting to others, so there the role's own limit holds.
      if (!this.pooled) await session.run('SET statement_timeout = 0')
      await session.run(sql)
    } finally {
      // Never used again, and with it goes the setting.
      this.#release(client, true)
    }
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end()
  }

  #connectAwake(): Promise<OpenClient> {
    if (!this.#later) return this.#connect()
    const signal = this.signal?.aborted ? undefined : this.signal
    return awake(() => this.#connect(), signal, this.#later)
  }

  // The pool would count the waiting for a free connection as waiting for the server, and give up.
  async #connect(): Promise<OpenClient> {
    await this.#slots.take()
    try {
      // `pg` does not declare all that it has.
      return (await this.#pool.connect()) as OpenClient
    } catch (cause) {
      this.#slots.giveBack()
      throw targetError(cause, { ...this.#address, connecting: true })
    }
  }

  #release(client: pg.PoolClient, broken: boolean): void {
    client.release(broken)
    this.#slots.giveBack()
  }

  #session(client: pg.PoolClient): Session {
    return new Session(wireOf(client), (cause) => this.#explain(cause))
  }

  #explain(cause: unknown): Error {
    return targetError(cause, { ...this.#address, user: this.#user })
  }
}

type OpenClient = pg.PoolClient & {
  readonly processID: number
  readonly connection: { readonly stream: { destroy(): void; readonly authorized?: boolean } }
}

/** An exchange may be more than one statement, and the way to the server takes its time. */
const SILENCE_MILLIS = 1000

const DOORS = {
  direct: 'direct host',
  session: 'session pooler',
  transaction: 'pooled host',
} as const satisfies Readonly<Record<Provider['door'], string>>

const UNVERIFIED =
  'the connection is encrypted, but nobody vouches for the server; sslmode=verify-full with sslrootcert=FILE would.'

const isUnverified = (client: OpenClient): boolean => client.connection.stream.authorized === false
