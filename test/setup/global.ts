import type { TestProject } from 'vitest/node'
import { startPgBouncer } from './pgbouncer.ts'
import { startPostgres } from './postgres-server.ts'
import { findRedis } from './redis-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of a database in which others may be created. */
    postgresUrl: string
    /** Folder of the server's programs (postgres, pg_ctl, psql), for tests that start their own; empty where an address was given. */
    postgresBin: string
    redisServer: string
    /** Of a PgBouncer in front of the cluster, through which databases are given out; 0: they are given out as they are. */
    poolerPort: number
  }
}

/** Starts what the whole run shares: one Postgres cluster. Redis servers are cheap: each test that wants one starts its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redisServer = findRedis()
  const postgres = await startPostgres()
  project.provide('postgresUrl', postgres.url)
  project.provide('postgresBin', postgres.bin)
  project.provide('redisServer', redisServer)
  // The same tests through a transaction pooler: KVMIG_TEST_POOLER=1.
  const pooler = process.env.KVMIG_TEST_POOLER
    ? await startPgBouncer(postgres.url, { serverConnections: 4 })
    : undefined
  project.provide('poolerPort', pooler ? Number(new URL(pooler.url).port) : 0)
  return async () => {
    await pooler?.stop()
    await postgres.stop()
  }
}
