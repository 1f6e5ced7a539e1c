import pg from 'pg'
import type { PostgresAddress } from './address.ts'
import { again } from './again.ts'
import { targetError } from './error.ts'
import { wireOf } from './postgres-wire.ts'
import { Session } from './session.ts'
import type { Target, Transaction, TransactionOptions } from './target.ts'
import { type Lent, runTransaction, type Sessions } from './transaction.ts'

/** Connects, waiting a little for a server that is just waking up, and asks it who it is. */
export async function openPostgres(
  address: PostgresAddress,
  options: { readonly signal: AbortSignal | undefined; readonly connections: number },
): Promise<Target> {
  const pool = new pg.Pool({
    ...address.config,
    max: options.connections,
    connectionTimeoutMillis: CONNECT_MILLIS,
    keepAlive: true,
    allowExitOnIdle: true,
  })
  // Servers that fall asleep end idle connections: without listeners that would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const target = new PostgresTarget(pool, address, options.signal)
  try {
    await again(() => target.greet(), options.signal)
    return target
  } catch (error) {
    await target.close()
    throw error
  }
}

const CONNECT_MILLIS = 15_000

class PostgresTarget implements Target, Sessions {
  readonly kind = 'postgres'
  readonly label: string
  readonly signal: AbortSignal | undefined
  pooled = false
  version = 0
  readonly #pool: pg.Pool
  readonly #address: PostgresAddress
  #warnings: readonly string[]
  #user: string | undefined

  constructor(pool: pg.Pool, address: PostgresAddress, signal: AbortSignal | undefined) {
    this.#pool = pool
    this.#address = address
    this.#warnings = address.warnings
    this.#user = address.user
    this.label = address.label
    this.signal = signal
  }

  get warnings(): readonly string[] {
    return this.#warnings
  }

  async greet(): Promise<void> {
    const client = await this.#connect()
    try {
      const { rows } = await this.#session(client).run(
        `SELECT current_setting('server_version_num') AS version, pg_backend_pid() AS backend, current_user AS role`,
      )
      this.version = Number(rows[0]!.version)
      this.#user = rows[0]!.role!
      // A pooler answers the login itself, with a process id of its own making.
      this.pooled = this.#address.pooler || String(client.processID) !== rows[0]!.backend
      if (this.#address.unverified && isUnverified(client)) {
        this.#warnings = [...this.#address.warnings, `${this.label}: ${UNVERIFIED}`]
      }
    } finally {
      client.release()
    }
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runTransaction(this, work, options)
  }

  async lend(): Promise<Lent> {
    const client = await this.#connect()
    return {
      session: this.#session(client),
      cut: () => client.connection.stream.destroy(),
      giveBack: (broken) => client.release(broken),
    }
  }

  async execute(sql: string): Promise<void> {
    const client = await this.#connect()
    try {
      const session = this.#session(client)
      // Such statements take as long as they take. A pooler would give the setting to others, so there the role's own limit holds.
      if (!this.pooled) await session.run('SET statement_timeout = 0')
      await session.run(sql)
    } finally {
      // Never used again, and with it goes the setting.
      client.release(true)
    }
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end()
  }

  async #connect(): Promise<OpenClient> {
    try {
      // `pg` does not declare these two.
      return (await this.#pool.connect()) as OpenClient
    } catch (cause) {
      throw this.#explain(cause)
    }
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

const UNVERIFIED =
  'the connection is encrypted, but nobody vouches for the server; sslmode=verify-full with sslrootcert=FILE would.'

const isUnverified = (client: OpenClient): boolean => client.connection.stream.authorized === false
