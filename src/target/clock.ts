import { KvmigError } from '../errors.ts'
import type { Target } from './target.ts'

/** Milliseconds since 1970 by the database's clock: expiries are held against it, never against this machine's. */
export async function databaseClock({ target }: { readonly target: Target }): Promise<() => number> {
  const rows = await target.transaction((tx) =>
    tx.query('SELECT (extract(epoch FROM now()) * 1000)::int8 AS now'),
  )
  const offset = Number(rows[0]?.now) - performance.now()
  if (Number.isNaN(offset)) throw new KvmigError('CLOCK', 'The target did not tell the time.')
  return () => performance.now() + offset
}
