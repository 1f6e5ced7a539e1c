import { quote } from './ddl.ts'
import type { TransactionOptions } from './target.ts'

/**
 * BEGIN with everything that the meaning of a statement depends on, in one message. All of it is LOCAL: behind a transaction pooler the
 * next transaction on this connection is somebody else's.
 */
export function beginWithSettings(options: TransactionOptions, { watchesClient }: ServerAbilities): string {
  const path = ['pg_catalog', ...(options.searchPath ?? []).filter((it) => it !== 'pg_catalog')]
  const settings: readonly (readonly [name: string, value: string])[] = [
    ['search_path', path.map(quote).join(', ')],
    ['timezone', `'UTC'`],
    ['datestyle', 'ISO, YMD'],
    ['intervalstyle', `'postgres'`],
    ['extra_float_digits', '1'],
    ['bytea_output', `'hex'`],
    // Rows that a policy hides have to be an error: they would be missing without a word.
    ['row_security', 'off'],
    ['synchronous_commit', 'on'],
    ['statement_timeout', String(options.statementMillis ?? STATEMENT_MILLIS)],
    ['lock_timeout', String(options.lockMillis ?? LOCK_MILLIS)],
    ['idle_in_transaction_session_timeout', String(IDLE_MILLIS)],
    ...(watchesClient ? [WATCH_CLIENT] : []),
  ]
  const begin = options.readOnly ? 'BEGIN READ ONLY' : 'BEGIN'
  return [begin, ...settings.map(([name, value]) => `SET LOCAL ${name} = ${value}`)].join('; ')
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
