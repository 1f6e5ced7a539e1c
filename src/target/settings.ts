import { quote } from './ddl.ts'
import type { TransactionOptions } from './target.ts'

/**
 * BEGIN, and a statement that sets everything that the meaning of those after it depends on. All of it is local to the transaction: behind
 * a transaction pooler the next one on this connection is somebody else's.
 */
export function beginWithSettings(
  options: TransactionOptions,
  { watchesClient }: ServerAbilities,
): readonly [begin: string, settings: string] {
  const others = (options.searchPath ?? []).filter((it) => it !== 'pg_catalog')
  const path = ['pg_catalog', ...others.map(quote)]
  const settings: readonly (readonly [name: string, value: string])[] = [
    ['search_path', path.join(', ')],
    ['timezone', 'UTC'],
    ['datestyle', 'ISO, YMD'],
    ['intervalstyle', 'postgres'],
    ['extra_float_digits', '1'],
    ['bytea_output', 'hex'],
    // Old applications switch these for their whole database: NULL in an array would be a text, and a backslash in SQL another character.
    ['array_nulls', 'on'],
    ['standard_conforming_strings', 'on'],
    ['transform_null_equals', 'off'],
    // Rows that a policy hides have to be an error: they would be missing without a word.
    ['row_security', 'off'],
    ['synchronous_commit', options.mayBeForgotten ? 'off' : 'on'],
    ['statement_timeout', String(options.statementMillis ?? STATEMENT_MILLIS)],
    ['lock_timeout', String(options.lockMillis ?? LOCK_MILLIS)],
    ['idle_in_transaction_session_timeout', String(options.silenceMillis ?? IDLE_MILLIS)],
    ...(watchesClient ? [WATCH_CLIENT] : []),
  ]
  // One statement for all of them costs the server less than a SET for each.
  const all = settings.map(([name, value]) => `set_config('${name}', '${value.replaceAll("'", "''")}', true)`)
  return [
    // Whoever waited for a lock has to see what its holder left: the route, a version, the lease.
    `BEGIN ISOLATION LEVEL READ COMMITTED${options.readOnly ? ' READ ONLY' : ''}`,
    `SELECT ${all.map((it) => `pg_catalog.${it}`).join(', ')}`,
  ]
}

export interface ServerAbilities {
  /** Can the server notice during a statement that its client is gone? It then ends the statement, and frees its locks. */
  readonly watchesClient: boolean
}

/** Without effect; an error where the server (before Postgres 14, or on a system without the means) does not have the ability. */
export const tryWatchClient = 'SET LOCAL client_connection_check_interval = 1000'

const WATCH_CLIENT = ['client_connection_check_interval', '1000'] as const

const STATEMENT_MILLIS = 600_000
const LOCK_MILLIS = 10_000
const IDLE_MILLIS = 300_000
