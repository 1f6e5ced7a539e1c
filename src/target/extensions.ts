import { DatabaseError, serverWords } from './error.ts'
import { inSavepoint } from './savepoint.ts'
import type { Transaction } from './target.ts'

export type ExtensionState = 'installed' | 'available' | 'missing'

/** Where extensions stand in this database: installed, there to be created, or unknown to the server. */
export async function inspectExtensions(
  tx: Transaction,
  names: readonly string[],
): Promise<ReadonlyMap<string, ExtensionState>> {
  const rows = await tx.query('SELECT name, installed_version FROM pg_available_extensions')
  const there = new Map(rows.map((it) => [it.name!, it.installed_version]))
  return new Map(
    names.map((name): [string, ExtensionState] => {
      const version = there.get(name)
      return [name, version === undefined ? 'missing' : version === null ? 'available' : 'installed']
    }),
  )
}

/** Runs a statement if it can be run; gives the server's words where it cannot. The transaction goes on either way. */
export async function tryStatement(
  tx: Transaction,
  sql: string,
  parameters?: readonly unknown[],
): Promise<{ readonly refused?: string; readonly error?: DatabaseError }> {
  try {
    await inSavepoint(tx, () => tx.query(sql, parameters))
    return {}
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.sqlState === undefined) throw error
    return { refused: serverWords(error).message.replace(/\.?$/, ''), error }
  }
}

/** Postgres's words for an extension whose files are not there, which has a different code in each version. */
export const isMissingExtension = (words: string): boolean =>
  /extension .* is not available|extension control file/.test(words)

/** What to do about one that a server does not have: a sentence. */
export function wayToExtension(name: string, provider: string | undefined): string {
  const own = WAYS[name]
  const general =
    own?.server ??
    `Install it on the server (Debian: postgresql-contrib or postgresql-…-${name.replaceAll('_', '-')}).`
  if (provider === undefined) return general
  return own?.[provider as 'neon'] ?? `Look for ${name} in the list of extensions of the provider.`
}

type Way = { readonly server: string } & Readonly<Partial<Record<'neon' | 'supabase' | 'railway', string>>>

const WAYS: Readonly<Partial<Record<string, Way>>> = {
  vector: {
    server: 'Install pgvector on the server (Debian: postgresql-…-pgvector; Docker: pgvector/pgvector).',
    railway: 'Deploy Railway’s pgvector template: the plain Postgres image does not have it.',
  },
  pg_cron: {
    server:
      'Install pg_cron on the server, name it in shared_preload_libraries and this database in cron.database_name, and restart.',
    neon: 'Neon offers it where cron.database_name names this database; a server that sleeps runs no jobs.',
    supabase: 'Switch it on in the dashboard: Integrations, Cron.',
    railway: 'The plain Postgres image does not have it.',
  },
  timescaledb: {
    server: 'Install TimescaleDB on the server, name it in shared_preload_libraries, and restart.',
    railway: 'Deploy Railway’s TimescaleDB template: the plain Postgres image does not have it.',
  },
  pg_stat_statements: {
    server:
      'It comes with Postgres (postgresql-contrib); it counts only where shared_preload_libraries names it.',
  },
}
