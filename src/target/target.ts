import type { TableName } from '../plan/table.ts'

/** An open Postgres: a server, perhaps behind a transaction pooler, or PGlite. No session state is ever relied on. */
export interface Target {
  readonly kind: 'postgres' | 'pglite'
  /** Without credentials, for people. */
  readonly label: string
  /** Behind a transaction pooler, as far as one can tell. */
  readonly pooled: boolean
  /** Who runs it and which of its doors this is, and what follows: `Neon, direct host`, and sentences. */
  readonly place: TargetPlace
  /** e.g. 150020. */
  readonly version: number
  /** What people should know about the connection: clear text, a server nobody vouches for. */
  readonly warnings: readonly string[]
  /**
   * Runs `work` in one transaction, with search_path, time zone, row_security, synchronous_commit and time limits set LOCAL. Commits when
   * it returns, and throws unless the server says COMMIT. Serialization failures, deadlocks, lock time-outs and connections lost before
   * COMMIT run it again, so it must have no other effects. A connection lost during COMMIT throws `TargetError` COMMIT_UNKNOWN: the caller
   * looks whether its work is there. PGlite has one connection: a transaction waits for those before it, and one inside another throws.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** One statement outside a transaction (CREATE INDEX CONCURRENTLY). */
  execute(sql: string): Promise<void>
  close(): Promise<void>
}

export interface TargetPlace {
  /** `neon`, `supabase`, `railway`; undefined for a server of one's own. */
  readonly provider: string | undefined
  readonly title: string
  readonly says: string
}

export interface TransactionOptions {
  /** Schemas after pg_catalog. Default none: kvmig qualifies every name; DDL and queries written by users need theirs. */
  readonly searchPath?: readonly string[]
  readonly readOnly?: boolean
  /** Does it do no harm if the server forgets in a crash that it was committed? Then nobody waits for its disk. Default: no. */
  readonly mayBeForgotten?: boolean
  readonly statementMillis?: number
  readonly lockMillis?: number
  /** A server that does not answer for so long is given up, and ends the transaction itself when nothing comes for so long. Default: never, and five minutes. */
  readonly silenceMillis?: number
  /** Cuts it off when it aborts, and its reason is thrown; nobody else's transaction is. */
  readonly signal?: AbortSignal
}

export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export interface Transaction {
  /**
   * Rows as Postgres's text, by column name: nothing is parsed, so nothing is rounded. Parameters: text, numbers, booleans, null, a Buffer
   * in the type's binary format, `textArray()`. Without parameters it may be several statements; the rows are the last one's.
   */
  query(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<readonly Readonly<Record<string, string | null>>[]>
  /**
   * Several statements with parameters at once: one way to the server and back for all of them. They are executed in their order, each sees
   * what those before it did, and the first that fails ends them. The rows of each.
   */
  queries(
    statements: readonly Statement[],
  ): Promise<readonly (readonly Readonly<Record<string, string | null>>[])[]>
  /** A statement that is sent together with COMMIT, after everything else. */
  atEnd(sql: string, parameters: readonly unknown[]): void
  /** Binary COPY into a table. `tuples` are encoded rows, one or several in a Buffer, without header and trailer (`TupleWriter`), a few MB in all. */
  copyIn(
    table: TableName | { readonly temporary: string },
    columns: readonly string[],
    tuples: Iterable<Buffer>,
  ): Promise<void>
  /**
   * Rows of a query in binary, laid out as in a binary COPY (`tupleFields`), in chunks of about a megabyte: memory stays constant. The
   * caller may stop early, and may do other things in the transaction meanwhile.
   */
  copyOut(select: string, parameters?: readonly unknown[]): AsyncIterable<readonly Buffer[]>
}
