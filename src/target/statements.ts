import type { TableName } from '../plan/table.ts'
import { qualified } from './ddl.ts'
import { DatabaseError } from './error.ts'
import { wayToExtension } from './extensions.ts'
import { OWN_MARK } from './own-mark.ts'
import { inSavepoint } from './savepoint.ts'
import type { Target, Transaction } from './target.ts'

/** A kind of statement, as pg_stat_statements counts them since its numbers were last set back. */
export interface StatementFacts {
  /** By which its text is found; the text itself may name what nobody should see. */
  readonly queryId: string
  /** SELECT, INSERT, UPDATE, DELETE, MERGE or WITH. */
  readonly verb: string
  readonly calls: number
  readonly meanMillis: number
}

/** Statements about a table, or why nobody can tell: sentences. */
export type Statements = { readonly statements: readonly StatementFacts[] } | { readonly without: string }

/**
 * What pg_stat_statements knows of reads and writes of the tables in this database, the slowest first: by their names in the text, whoever
 * ran them, without kvmig's own.
 */
export async function statementsAbout(target: Target, tables: readonly TableName[]): Promise<Statements> {
  const { provider } = target.place
  const way = wayToExtension('pg_stat_statements', provider)
  return target.transaction(
    async (tx) => {
      const [found] = await tx.query(
        `SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'pg_stat_statements'`,
      )
      if (!found)
        return {
          without: `The extension pg_stat_statements is not in this database. ${way} Then list it: extensions: [pg_stat_statements].`,
        }
      const view = qualified({ schema: found.schema!, table: 'pg_stat_statements' })
      return read(tx, view, tables).catch((error: unknown) => {
        if (!(error instanceof DatabaseError) || error.sqlState !== '55000') throw error
        return { without: `pg_stat_statements counts nothing on this server. ${way}` }
      })
    },
    { readOnly: true },
  )
}

async function read(tx: Transaction, view: string, tables: readonly TableName[]): Promise<Statements> {
  const rows = await inSavepoint(tx, () =>
    tx.query(
      `SELECT queryid, upper((regexp_match(query, $1, 'i'))[1]) AS verb, calls, mean_exec_time AS millis, queryid IS NULL AS hidden
       FROM ${view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND (queryid IS NULL OR (query ~* $1 AND query ~* $2 AND position($3 IN query) = 0)) ORDER BY mean_exec_time DESC`,
      [VERB, tables.map(({ table }) => `\\m${quoted(table)}\\M`).join('|'), OWN_MARK.trim()],
    ),
  )
  // Others' statements are counted, but not shown, to a role that may not read them.
  if (rows.some((it) => it.hidden === 't'))
    return {
      without:
        'This role may not read the statements of others. As an administrator, run: GRANT pg_read_all_stats TO the role of kvmig.',
    }
  return {
    statements: rows.map((it) => ({
      queryId: it.queryid!,
      verb: it.verb!,
      calls: Number(it.calls),
      meanMillis: Number(it.millis),
    })),
  }
}

// Comments may stand before: drivers say there where a statement comes from.
const VERB = '^\\s*(?:/\\*.*?\\*/\\s*)*(with|select|insert|update|delete|merge)\\M'

const quoted = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
