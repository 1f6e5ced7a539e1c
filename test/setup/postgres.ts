import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export interface FreshDatabase {
  readonly url: string
  readonly name: string
  /** One statement or several, on a connection of its own. */
  query(sql: string, parameters?: readonly unknown[]): Promise<pg.QueryResult>
  /** Another database that holds what this one does now; whoever is connected to this one is cut off. */
  copy(): Promise<FreshDatabase>
  drop(): Promise<void>
}

/** A database of its own in the run's cluster; `query` asks it directly, whatever `url` leads through. */
export const freshDatabase = (cluster: string = inject('postgresUrl')): Promise<FreshDatabase> =>
  makeDatabase(cluster, 'template1')

async function makeDatabase(cluster: string, template: string): Promise<FreshDatabase> {
  const name = `t_${randomBytes(8).toString('hex')}`
  await run(cluster, `create database ${name} template ${template}`)
  const url = new URL(cluster)
  url.pathname = `/${name}`
  return {
    url: cluster === inject('postgresUrl') ? pooled(url) : url.href,
    name,
    query: (sql, parameters) => run(url.href, sql, parameters),
    copy: async () => {
      await run(cluster, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
      return makeDatabase(cluster, name)
    },
    drop: async () => {
      await run(cluster, `drop database if exists ${name} with (force)`)
    },
  }
}

/** By way of the run's PgBouncer, where it has one. */
function pooled(url: URL): string {
  const port = inject('poolerPort')
  return port === 0 ? url.href : Object.assign(new URL(url), { port: String(port) }).href
}

async function run(url: string, sql: string, parameters?: readonly unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  // A test may terminate every backend of the database: that is its business, not an unhandled error.
  client.on('error', () => {})
  await client.connect()
  try {
    return parameters ? await client.query(sql, [...parameters]) : await client.query(sql)
  } finally {
    await client.end()
  }
}
