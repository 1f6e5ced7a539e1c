import type { Internals } from '../../../src/runtime/connect.ts'
import type { ConnectOptions } from '../../../src/runtime/kvmig.ts'
import type { Ended } from '../../setup/cli.ts'
import { type FaultyProxy, startProxy } from '../../setup/proxy.ts'
import { startWorld, USERS, type World } from '../world.ts'
import { Instance } from './instance.ts'

const BUSY = 'gates: { B: [{ full: { drift: 100% }, because: it is rewritten all the time }] }\n'
const SCORES = `version: 1
plan: scores
mappings:
  - { match: 'scores:{game}', type: hash, each: field, into: scores, fields: { game: $game, player: $field, points: $value | int } }
tables: { scores: { columns: { game: text, player: text, points: bigint not null }, primary_key: [game, player] } }
${BUSY}`
const LISTS = `version: 1
plan: lists
mappings:
  - { match: 'list:{id}', type: list, each: item, into: lists, fields: { id: $id, place: $index, item: $item } }
tables: { lists: { columns: { id: text, place: integer, item: text not null }, primary_key: [id, place] } }
${BUSY}`

/** What both stores hold of the records of one run. */
export interface Content {
  readonly users: ReadonlyMap<string, string>
  readonly scores: ReadonlyMap<string, number>
  readonly lists: ReadonlyMap<string, readonly string[]>
}

/** A project between two stores, the instances of its application, and the command line, whose connections can be cut as well. */
export interface System {
  readonly world: World
  readonly instances: readonly Instance[]
  /** A command of kvmig to its end, in this process; one at a time. */
  command(args: readonly string[]): Promise<Ended>
  cutCommand(what: 'sql' | 'kv', bytes: number): void
  /** No fault is left: everybody is up, and nothing is cut, armed or frozen. */
  calm(): Promise<void>
  /** Fifteen seconds pass for those that are down: the fleet forgets them. */
  forgetDead(): Promise<void>
  /** What each store holds of records with this prefix, read past everything that kvmig does. */
  content(prefix: string): Promise<{ readonly source: Content; readonly target: Content }>
  stop(): Promise<void>
}

export async function startSystem(
  count: number,
  options: ConnectOptions = {},
  internals: Internals = {},
): Promise<System> {
  const world = await startWorld({
    count: 3,
    files: { 'plans/users.yaml': `${USERS}${BUSY}`, 'plans/scores.yaml': SCORES, 'plans/lists.yaml': LISTS },
  })
  const proxies: Readonly<Record<'sql' | 'kv', FaultyProxy>> = {
    sql: await startProxy(Number(new URL(world.database.url).port)),
    kv: await startProxy(world.redis.port),
  }
  const environment = {
    DATABASE_URL: Object.assign(new URL(world.database.url), { port: String(proxies.sql.port) }).href,
    KV_URL: Object.assign(new URL(world.redis.url), { port: String(proxies.kv.port) }).href,
  }
  // A plan whose keys are not to be found has the wrong source.
  await world.redis.client.hset('scores:go', 'nobody', '0')
  await world.redis.client.rpush('list:first', 'a')
  const first = await world.run(['apply', '--phase=A'])
  if (first.code !== 0) throw new Error(first.stdout + first.stderr)
  const servers = { sql: world.database.url, kv: world.redis.url }
  const instances = Array.from(
    { length: count },
    (_, at) =>
      new Instance(
        `web-${at}`,
        servers,
        {
          project: `${world.path}/migrations.yaml`,
          variables: world.environment,
          shadow: 0,
          timeoutMillis: 1000,
          connections: 4,
          ...options,
        },
        { pollMillis: 100, drainMillis: 100, ownMillis: 300, ...internals },
      ),
  )
  await Promise.all(instances.map((it) => it.start()))
  let working: Promise<unknown> = Promise.resolve()
  return {
    world,
    instances,
    command: (args) => {
      const mine = working.then(() => world.run(args, environment))
      working = mine.catch(() => {})
      return mine
    },
    cutCommand: (what, bytes) => proxies[what].cutAfter(bytes),
    calm: async () => {
      for (const proxy of Object.values(proxies)) proxy.cutAfter(Number.POSITIVE_INFINITY)
      for (const it of instances) {
        it.disarm()
        it.mend()
        if (!it.isUp) await it.start()
      }
    },
    forgetDead: async () => {
      const up = instances.filter((it) => it.isUp).map((it) => it.id)
      await world.database.query(
        `UPDATE kvmig.instance SET seen_at = seen_at - interval '15 s' WHERE id <> ALL ($1)`,
        [up],
      )
    },
    content: async (prefix) => ({
      source: await inSource(world, prefix),
      target: await inTarget(world, prefix),
    }),
    stop: async () => {
      await Promise.all(instances.map((it) => (it.isUp ? it.stop() : undefined)))
      await Promise.all(instances.map((it) => it.buried()))
      await Promise.all(Object.values(proxies).map((it) => it.close()))
      await world.stop()
    },
  }
}

async function inSource({ redis: { client } }: World, prefix: string): Promise<Content> {
  const users = new Map<string, string>()
  for (const key of await client.keys(`user:${prefix}*`))
    users.set(key.slice('user:'.length), JSON.parse((await client.get(key))!).name)
  const scores = new Map<string, number>()
  for (const [player, points] of Object.entries(await client.hgetall('scores:go')))
    if (player.startsWith(prefix)) scores.set(player, Number(points))
  const lists = new Map<string, readonly string[]>()
  for (const key of await client.keys(`list:${prefix}*`))
    lists.set(key.slice('list:'.length), await client.lrange(key, 0, -1))
  return { users, scores, lists }
}

async function inTarget({ database }: World, prefix: string): Promise<Content> {
  const like = [`${prefix}%`]
  const users = await database.query('SELECT id, name FROM users WHERE id LIKE $1', like)
  const scores = await database.query('SELECT player, points FROM scores WHERE player LIKE $1', like)
  const lists = await database.query(
    'SELECT id, array_agg(item ORDER BY place) AS items FROM lists WHERE id LIKE $1 GROUP BY id',
    like,
  )
  return {
    users: new Map(users.rows.map((it) => [it.id, it.name])),
    scores: new Map(scores.rows.map((it) => [it.player, Number(it.points)])),
    lists: new Map(lists.rows.map((it) => [it.id, it.items])),
  }
}
