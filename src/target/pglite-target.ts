import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdirSync } from 'node:fs'
import { setImmediate as others } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { TargetError } from '../errors.ts'
import type { PgliteAddress } from './address.ts'
import { targetError } from './error.ts'
import { lockFolder } from './folder-lock.ts'
import { Session } from './session.ts'
import type { Target, TargetPlace, Transaction, TransactionOptions } from './target.ts'
import { type Lent, runTransaction, type Sessions } from './transaction.ts'
import { type Response, ResponseReader, type Wire } from './wire.ts'

/** Starts an embedded Postgres on a folder that no other process has open, or in memory. */
export async function openPglite(
  { folder, label }: PgliteAddress,
  { signal }: { readonly signal: AbortSignal | undefined },
): Promise<Target> {
  const unlock = folder === undefined ? () => {} : await take(folder)
  try {
    const db = await PGlite.create({ dataDir: folder ?? 'memory://', extensions: { vector } })
    const target = new PgliteTarget(db, label, signal, unlock)
    await target.greet()
    return target
  } catch (cause) {
    unlock()
    throw new TargetError('PGLITE_OPEN', `The embedded Postgres in ${folder ?? 'memory'} does not start.`, {
      cause,
    })
  }
}

async function take(folder: string): Promise<() => void> {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    throw new TargetError('PGLITE_OPEN', `The folder ${folder} cannot be made.`, { cause })
  }
  return lockFolder(folder)
}

class PgliteTarget implements Target, Sessions {
  readonly kind = 'pglite'
  readonly pooled = false
  readonly place: TargetPlace = {
    provider: undefined,
    title: 'embedded Postgres',
    says: 'One process at a time opens it; LISTEN works inside that process only.',
  }
  readonly watchesClient = false
  readonly warnings: readonly string[] = []
  readonly label: string
  readonly signal: AbortSignal | undefined
  version = 0
  readonly #db: PGlite
  readonly #unlock: () => void
  readonly #inside = new AsyncLocalStorage<true>()
  #turn: Promise<void> = Promise.resolve()

  constructor(db: PGlite, label: string, signal: AbortSignal | undefined, unlock: () => void) {
    this.#db = db
    this.#unlock = unlock
    this.label = label
    this.signal = signal
  }

  async greet(): Promise<void> {
    const { rows } = await this.#session().run(`SELECT current_setting('server_version_num') AS version`)
    this.version = Number(rows[0]!.version)
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    if (this.#inside.getStore()) {
      throw new Error(
        'a transaction inside a transaction would wait for itself: an embedded Postgres has one connection',
      )
    }
    return runTransaction(this, (tx) => this.#inside.run(true, () => work(tx)), options)
  }

  /** There is one connection: everybody waits for those before. */
  async lend(): Promise<Lent> {
    const before = this.#turn
    let done: () => void = () => {}
    this.#turn = new Promise((resolve) => {
      done = resolve
    })
    await before
    return { session: this.#session(), cut: () => {}, giveBack: done }
  }

  async execute(sql: string): Promise<void> {
    const { session, giveBack } = await this.lend()
    try {
      await session.run(sql)
    } finally {
      giveBack(false)
    }
  }

  async close(): Promise<void> {
    await this.#turn
    if (this.#db.closed) return
    await this.#db.close()
    this.#unlock()
  }

  #session(): Session {
    return new Session(wireOf(this.#db), (cause) => this.#explain(cause))
  }

  #explain(cause: unknown): Error {
    if (cause instanceof Error && !('severity' in cause)) {
      return new TargetError('PGLITE', `The embedded Postgres ${this.label} failed.`, { cause })
    }
    return targetError(cause, this)
  }
}

function wireOf(db: PGlite): Wire {
  return {
    async exchange(message) {
      // PGlite answers without ever waiting for anything: signals, timers and sockets have to get their turn.
      await others()
      const reader = new ResponseReader()
      await db.execProtocolRawStream(message, {
        // The bytes lie in PGlite's memory, which it writes to again.
        onRawData: (chunk) => {
          reader.push(Buffer.from(chunk))
        },
      })
      return reader.read()
    },
    // COPY FROM STDIN does not work here; a file of its own making does, inside transactions too.
    async copyIn(place, frames) {
      await db.query(`COPY ${place} FROM '/dev/blob' (FORMAT binary)`, [], {
        blob: new Blob([...frames] as Uint8Array<ArrayBuffer>[]),
      })
      return NOTHING
    },
  }
}

const NOTHING: Response = {
  tuples: [],
  columns: [],
  tag: 'COPY',
  results: [],
  suspended: false,
  fault: undefined,
}
