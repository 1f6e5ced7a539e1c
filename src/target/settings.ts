import { quote } from './ddl.ts'
import type { Target, TransactionOptions } from './target.ts'

/**
 * BEGIN with everything that the meaning of a statement depends on, in one message. All of it is LOCAL: behind a transaction pooler the
 * next transaction on this connection is somebody else's.
 */
export function beginWithSettings(
  options: TransactionOptions,
  target: Pick<Target, 'kind' | 'version'>,
): string {
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
    // The server then ends the statements of a kvmig that was killed, and frees their locks.
    ...(target.kind === 'postgres' && target.version >= 140_000
      ? ([['client_connection_check_interval', '1000']] as const)
      : []),
  ]
  const begin = options.readOnly ? 'BEGIN READ ONLY' : 'BEGIN'
  return [begin, ...settings.map(([name, value]) => `SET LOCAL ${name} = ${value}`)].join('; ')
}

const STATEMENT_MILLIS = 600_000
const LOCK_MILLIS = 10_000
const IDLE_MILLIS = 300_000
