import { TargetError } from '../errors.ts'
import type { TableName } from '../plan/table.ts'
import { again } from './again.ts'
import { qualified, quote } from './ddl.ts'
import { DatabaseError } from './error.ts'
import type { Session, TextRow } from './session.ts'
import { beginWithSettings, type ServerAbilities } from './settings.ts'
import type { Statement, Transaction, TransactionOptions } from './target.ts'

/** Where transactions run: something that lends sessions. */
export interface Sessions extends ServerAbilities {
  readonly label: string
  readonly signal: AbortSignal | undefined
  /** A session that is nobody else's until it is given back. */
  lend(): Promise<Lent>
}

export interface Lent {
  readonly session: Session
  /** Makes pending statements fail. */
  cut(): void
  /** `broken`: nobody should have it again. */
  giveBack(broken: boolean): void
}

/**
 * Runs `work` in a transaction, again after failures that another try may cure and that certainly left nothing behind.
 *
 * A signal that aborts meanwhile cuts it off, and its reason is thrown; one that had aborted before is ignored, so that a lease can
 * still be released. COMMIT is waited for in any case: afterwards nobody would know.
 */
export async function runTransaction<T>(
  sessions: Sessions,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const general = sessions.signal?.aborted ? undefined : sessions.signal
  const own = options.signal
  const signal = general && own ? AbortSignal.any([general, own]) : (own ?? general)
  return again(() => runOnce(sessions, work, options, signal), signal)
}

async function runOnce<T>(
  sessions: Sessions,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  signal: AbortSignal | undefined,
): Promise<T> {
  const lent = await sessions.lend()
  const { session } = lent
  const cut = (): void => {
    session.close()
    lent.cut()
  }
  signal?.addEventListener('abort', cut)
  let broken = true
  try {
    if (signal?.aborted) throw signal.reason
    if (options.silenceMillis !== undefined) session.guard(options.silenceMillis, lent.cut)
    session.begin(beginWithSettings(options, sessions))
    const result = await work(new SessionTransaction(session))
    if (signal?.aborted) throw signal.reason
    signal?.removeEventListener('abort', cut)
    await commit(session, sessions.label, options.readOnly === true)
    broken = false
    return result
  } catch (error) {
    if (!(error instanceof TargetError && error.code === 'COMMIT_UNKNOWN')) {
      broken = await session.finish('ROLLBACK').then(
        () => false,
        () => true,
      )
    }
    throw error
  } finally {
    signal?.removeEventListener('abort', cut)
    lent.giveBack(broken)
  }
}

async function commit(session: Session, label: string, readOnly: boolean): Promise<void> {
  const tag = await session.finish('COMMIT').catch((error: unknown) => {
    if (!(error instanceof DatabaseError) || readOnly || isCertain(error)) throw error
    throw new TargetError(
      'COMMIT_UNKNOWN',
      `The connection to ${label} was lost while a transaction was being committed: it may be there or not.`,
      { cause: error, hint: 'Run the same again: it looks whether it is there first.' },
    )
  })
  // COMMIT of a transaction in which a statement failed "succeeds" with ROLLBACK.
  if (tag !== 'COMMIT') {
    throw new TargetError(
      'COMMIT_ROLLED_BACK',
      `${label} rolled a transaction back instead of committing it, because a statement in it had failed.`,
    )
  }
}

// The server said no, or was never asked.
const isCertain = (error: DatabaseError): boolean =>
  error.sqlState === undefined ? error.code === 'NOT_SENT' : error.class !== 'resolve'

class SessionTransaction implements Transaction {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async query(sql: string, parameters?: readonly unknown[]): Promise<readonly TextRow[]> {
    const { rows } = parameters ? await this.#session.query(sql, parameters) : await this.#session.run(sql)
    return rows
  }

  queries(statements: readonly Statement[]): Promise<readonly (readonly TextRow[])[]> {
    return this.#session.queries(statements)
  }

  atEnd(sql: string, parameters: readonly unknown[]): void {
    this.#session.atEnd({ sql, parameters })
  }

  async copyIn(
    table: TableName | { readonly temporary: string },
    columns: readonly string[],
    tuples: Iterable<Buffer>,
  ): Promise<void> {
    const name = 'temporary' in table ? `pg_temp.${quote(table.temporary)}` : qualified(table)
    await this.#session.copyIn(`${name} (${columns.map(quote).join(', ')})`, tuples)
  }

  copyOut(select: string, parameters: readonly unknown[] = []): AsyncIterable<readonly Buffer[]> {
    return this.#session.pages(select, parameters)
  }
}
