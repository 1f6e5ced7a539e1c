import { connect, type Internals } from '../../src/runtime/connect.ts'
import type { ConnectOptions, Kvmig } from '../../src/runtime/kvmig.ts'
import { type Ended, kvmig, projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

export const USERS = `version: 1
plan: users
mappings:
  - match: user:{id}
    type: string
    decode: json
    into: users
    fields: { id: $id, name: name, visits: visits | default(0) }
tables:
  users:
    columns: { id: text, name: text not null, visits: integer not null }
    primary_key: [id]
archive: { to: ./archive, keep: 30d }
`
export const SCORES = `version: 1
plan: scores
mappings:
  - match: scores:{game}
    type: hash
    each: field
    into: scores
    fields: { game: $game, player: $field, points: $value | int }
tables:
  scores:
    columns: { game: text, player: text, points: bigint not null }
    primary_key: [game, player]
`
const PROJECT = `version: 1
sources: { kv: '\${KV_URL}' }
target: \${DATABASE_URL}
`

export interface World {
  readonly redis: FreshRedis
  readonly database: FreshDatabase
  readonly path: string
  readonly environment: Readonly<Record<string, string>>
  /** The program to its end. */
  run(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<Ended>
  /** The program in a process of its own. */
  start(args: readonly string[], more?: Readonly<Record<string, string>>): ReturnType<typeof kvmig>
  /** An instance of the application. */
  instance(name: string, options?: ConnectOptions, internals?: Internals): Promise<Kvmig>
  write(file: string, text: string): void
  /** What each store holds, in one form, so that they can be compared. */
  users(): Promise<{ readonly source: Record<string, unknown>; readonly target: Record<string, unknown> }>
  stop(): Promise<void>
}

/** A project with its stores, `count` users in the source and phase A applied. */
export async function startWorld({
  count = 50,
  files = {},
  redis: given,
  postgres,
}: {
  count?: number
  files?: Readonly<Record<string, string>>
  /** A server with settings of its own. */
  redis?: FreshRedis
  /** The address of a server of its own. */
  postgres?: string
} = {}): Promise<World> {
  const redis = given ?? (await freshRedis())
  const database = await freshDatabase(postgres)
  const project = projectFolder({ 'migrations.yaml': PROJECT, 'plans/users.yaml': USERS, ...files })
  const environment = { KV_URL: redis.url, DATABASE_URL: database.url, KVMIG_LEASE_SECONDS: '1' }
  const open: Kvmig[] = []
  const { mkdirSync, writeFileSync } = await import('node:fs')
  const { dirname, join } = await import('node:path')
  for (let n = 0; n < count; n++) await redis.client.set(`user:${n}`, user(`name ${n}`))
  const world: World = {
    redis,
    database,
    path: project.path,
    environment,
    run: (args, more = {}) => ran(project.path, args, { ...environment, ...more }),
    start: (args, more = {}) => kvmig(project.path, args, { ...environment, ...more }),
    instance: async (name, options = {}, internals = {}) => {
      const made = await connect(
        {
          project: join(project.path, 'migrations.yaml'),
          variables: environment,
          instance: name,
          ...options,
        },
        internals,
      )
      open.push(made)
      return made
    },
    write: (file, text) => {
      mkdirSync(dirname(join(project.path, file)), { recursive: true })
      writeFileSync(join(project.path, file), text)
    },
    users: async () => {
      const keys = await redis.client.keys('user:*')
      const values = keys.length > 0 ? await redis.client.mget(keys) : []
      const { rows } = await database.query('SELECT id, name, visits FROM users')
      return {
        source: Object.fromEntries(
          keys.map((key, index) => [key.slice('user:'.length), JSON.parse(values[index] ?? 'null')]),
        ),
        target: Object.fromEntries(rows.map(({ id, name, visits }) => [id, { name, visits }])),
      }
    },
    stop: async () => {
      await Promise.allSettled(open.map((it) => it.close()))
      project.remove()
      await database.drop()
      await redis.stop()
    },
  }
  return world
}

export const user = (name: string, visits = 0): string => JSON.stringify({ name, visits })
