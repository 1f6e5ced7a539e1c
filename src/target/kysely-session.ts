import {
  type DatabaseConnection,
  type Dialect,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { Session } from './session.ts'

/** Kysely inside a transaction that somebody else began and will end. All values come back as Postgres's text. */
// biome-ignore lint/suspicious/noExplicitAny: the schema of a user's database is not known at compile time
export function kyselyOf(session: Session): Kysely<any> {
  const connection: DatabaseConnection = {
    async executeQuery<R>({
      sql,
      parameters,
    }: {
      sql: string
      parameters: readonly unknown[]
    }): Promise<QueryResult<R>> {
      const { rows, tag } = await session.query(sql, parameters)
      const affected = /^(?:INSERT 0|UPDATE|DELETE|MERGE) (\d+)$/.exec(tag)
      return { rows: rows as R[], ...(affected ? { numAffectedRows: BigInt(affected[1]!) } : {}) }
    },
    streamQuery() {
      throw new Error('use copyOut to read many rows')
    },
  }
  const dialect: Dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => ({
      init: nothing,
      acquireConnection: async () => connection,
      beginTransaction: nested,
      commitTransaction: nested,
      rollbackTransaction: nested,
      releaseConnection: nothing,
      destroy: nothing,
    }),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
  return new Kysely({ dialect })
}

const nothing = async (): Promise<void> => {}

const nested = async (): Promise<void> => {
  throw new Error('this is inside a transaction already: use Target.transaction')
}
