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
  /** Lets go of it, so that a run may have it. */
  release(): Promise<void>
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
    release: async () => {},
    drop: database.drop,
  }
}

export async function pglite(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-pglite-'))
  const data = join(folder, 'pg')
  await prepareFolder(data)
  // The folder belongs to one process at a time: open from the first question to the next release.
  let lite: PGlite | undefined
  const release = async (): Promise<void> => {
    await lite?.close()
    lite = undefined
  }
  return {
    url: `pglite:${data}`,
    query: async (sql, parameters) => {
      if (!lite) {
        lite = await PGlite.create(data)
        await lite.query(`SET timezone = '${ZONE}'`)
      }
      if (parameters) return (await lite.query<Record<string, unknown>>(sql, [...parameters])).rows
      const results = await lite.exec(sql)
      return results.at(-1)?.rows ?? []
    },
    release,
    drop: async () => {
      await release()
      rmSync(folder, { recursive: true })
    },
  }
}
