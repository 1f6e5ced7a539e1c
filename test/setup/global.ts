import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres-server.ts'
import { findRedis } from './redis-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of a database in which others may be created. */
    postgresUrl: string
    /** Folder of the server's programs (postgres, pg_ctl, psql), for tests that start their own; empty where an address was given. */
    postgresBin: string
    redisServer: string
  }
}

/** Starts what the whole run shares: one Postgres cluster. Redis servers are cheap: each test that wants one starts its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redisServer = findRedis()
  const postgres = await startPostgres()
  project.provide('postgresUrl', postgres.url)
  project.provide('postgresBin', postgres.bin)
  project.provide('redisServer', redisServer)
  return postgres.stop
}
