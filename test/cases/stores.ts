import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { prepareFolder } from '../setup/pglite.ts'
import { freshDatabase } from '../setup/postgres.ts'

/** A database that a migration is run into and that is looked at afterwards. */
export interface Store {
  readonly url: string
  query(sql: string, parameters?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>
  drop(): Promise<void>
}

// Neither whole hours nor UTC: what leans on the session's time zone shows.
const ZONE = 'Asia/Kathmandu'

export async function postgres(): Promise<Store> {
  const database = await freshDatabase()
  await database.query(`ALTER DATABASE ${database.name} SET timezone = '${ZONE}'`)
  return {
    url: database.url,
    query: async (sql, parameters) => (await database.query(sql, parameters)).rows,
    drop: database.drop,
  }
}

export async function pglite(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-pglite-'))
  const data = join(folder, 'pg')
  await prepareFolder(data)
  return {
    url: `pglite:${data}`,
    // Opened for one question only: the folder belongs to one process at a time.
    query: async (sql, parameters) => {
      const lite = await PGlite.create(data)
      try {
        await lite.query(`SET timezone = '${ZONE}'`)
        if (parameters) return (await lite.query<Record<string, unknown>>(sql, [...parameters])).rows
        const results = await lite.exec(sql)
        return results.at(-1)?.rows ?? []
      } finally {
        await lite.close()
      }
    },
    drop: async () => rmSync(folder, { recursive: true }),
  }
}
