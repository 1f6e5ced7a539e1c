import type { Kysely } from 'kysely'
import type { TableName } from '../plan/table.ts'

/** An open Postgres: a server, perhaps behind a transaction pooler, or PGlite. No session state is ever relied on. */
export interface Target {
  readonly kind: 'postgres' | 'pglite'
  /** Without credentials, for people. */
  readonly label: string
  /** Behind a transaction pooler, as far as one can tell. */
  readonly pooled: boolean
  /** e.g. 150020. */
  readonly version: number
  /**
   * Runs `work` in one transaction, with search_path, time zone, row_security, synchronous_commit and time limits set LOCAL. Commits when it
   * returns, and throws unless the server says COMMIT. Serialization failures and deadlocks run it again, so it must have no other effects.
   * A connection lost during COMMIT throws `TargetError` COMMIT_UNKNOWN: the caller looks whether its work is there.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** One statement outside a transaction (CREATE INDEX CONCURRENTLY). */
  execute(sql: string): Promise<void>
  close(): Promise<void>
}

export interface TransactionOptions {
  /** Schemas after pg_catalog. Default none: kvmig qualifies every name; DDL and queries written by users need theirs. */
  readonly searchPath?: readonly string[]
  readonly readOnly?: boolean
  readonly statementMillis?: number
  readonly lockMillis?: number
}

export interface Transaction {
  // The schema of a user's database is not known at compile time.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly db: Kysely<any>
  /** Rows as Postgres's text, by column name: nothing is parsed, so nothing is rounded. */
  query(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<readonly Readonly<Record<string, string | null>>[]>
  /** Binary COPY into a table. `tuples` are encoded rows without header and trailer (`encodeTuple`), a few MB in all. */
  copyIn(
    table: TableName | { readonly temporary: string },
    columns: readonly string[],
    tuples: readonly Buffer[],
  ): Promise<void>
  /** Binary COPY of a query; chunks of whole tuples, in constant memory where the driver can stream. */
  copyOut(select: string): AsyncIterable<readonly Buffer[]>
}
