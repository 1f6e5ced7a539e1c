// What dual-write costs a caller, beside a bare upsert and a bare SET of the same records: servers of its own, all calls interleaved.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startPostgres, startRedis } from './servers.mjs'
import { rootFolder } from './stand.mjs'
import { percentile, spread } from './statistics.mjs'

const PLAN = `
version: 1
plan: users
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, fields: { id: $id, name: name, visits: visits } }
tables:
  users: { columns: { id: text, name: text not null, visits: integer not null }, primary_key: [id] }
`

/** How often the lanes take turns: the spread is that of the turns. */
const TURNS = 8

/**
 * Latencies in milliseconds by number of clients and lane: `{ p50, p95 }`, each with its spread over the turns, and the ratios that the goals
 * are about, turn by turn.
 */
export async function measureDualWrite({ calls, clients, newFolder }) {
  const stand = await openStand(newFolder())
  try {
    const found = {}
    for (const count of clients) {
      process.stderr.write(`dual-write: ${count} client(s)\n`)
      found[count] = summary(
        await takeTurns(stand.lanes, { calls: Math.ceil(calls / TURNS), clients: count }),
      )
    }
    return found
  } finally {
    await stand.close()
  }
}

async function openStand(folder) {
  const built = (file) => import(join(rootFolder, 'dist', file))
  const { apply, loadProject } = await built('index.js')
  const { connect } = await built('runtime/index.js')
  const { flipRoute, readRoutes } = await built('state/route.js')
  const { openTarget } = await built('target/connect.js')
  const [redis, postgres] = [await startRedis(), await startPostgres()]
  mkdirSync(join(folder, 'plans'))
  writeFileSync(join(folder, 'plans/users.yaml'), PLAN)
  writeFileSync(
    join(folder, 'migrations.yaml'),
    'version: 1\nsources:\n  kv: ${KV_URL}\ntarget: ${DATABASE_URL}\nplans: plans/*.yaml\n',
  )
  const variables = { KV_URL: redis.url, DATABASE_URL: postgres.url }
  const { project } = await loadProject(join(folder, 'migrations.yaml'))
  await apply(project, { variables })
  const target = await openTarget(postgres.url)
  const { epoch } = (await readRoutes(target)).get('users')
  await target.transaction((tx) => flipRoute(tx, 'users', { phase: 'B', rollout: false, from: epoch }))
  const [quiet, shadowed] = await Promise.all([
    connect({ project, variables, shadow: 0, connections: 16 }),
    connect({ project, variables, shadow: 0.1, connections: 16 }),
  ])
  const client = new Redis(redis.url)
  const pool = new pg.Pool({ connectionString: postgres.url, max: 16 })
  const [users, watched] = [quiet.store('users'), shadowed.store('users')]
  const wrapped = quiet.wrap(client)
  const row = (n) => ({ id: `u${n % 500}`, name: `name ${n}`, visits: n })
  const json = (n) => JSON.stringify({ name: `name ${n}`, visits: n })
  const upsert =
    'INSERT INTO users (id, name, visits) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET name = excluded.name, visits = excluded.visits'
  return {
    lanes: {
      SET: (n) => client.set(`bare:${n % 500}`, json(n)),
      upsert: (n) => pool.query(upsert, [`bare${n % 500}`, `name ${n}`, n]),
      put: (n) => users.put(row(n)),
      'wrapped SET': (n) => wrapped.set(`user:u${n % 500}`, json(n)),
      GET: (n) => client.get(`bare:${n % 500}`),
      get: (n) => users.get({ id: `u${n % 500}` }),
      'get, shadowed': (n) => watched.get({ id: `u${n % 500}` }),
    },
    close: async () => {
      await Promise.all([quiet.close(), shadowed.close(), pool.end(), target.close()])
      client.disconnect()
      await redis.stop()
      await postgres.stop()
    },
  }
}

async function takeTurns(lanes, { calls, clients }) {
  const names = Object.keys(lanes)
  const turns = Object.fromEntries(names.map((it) => [it, []]))
  for (const name of names) await many(lanes[name], 200, clients)
  for (let turn = 0; turn < TURNS; turn++) {
    // What one leaves behind, such as comparisons of reads, falls on another one each time.
    const order = [...names.slice(turn % names.length), ...names.slice(0, turn % names.length)]
    for (const name of turn % 2 ? order : order.reverse())
      turns[name].push(await many(lanes[name], calls, clients))
  }
  return turns
}

function summary(turns) {
  const shares = { p50: 0.5, p95: 0.95 }
  const lanes = Object.fromEntries(
    Object.entries(turns).map(([lane, runs]) => [
      lane,
      Object.fromEntries(
        Object.entries(shares).map(([word, share]) => [
          word,
          spread(runs.map((it) => percentile(it, share))),
        ]),
      ),
    ]),
  )
  const ratios = RATIOS.flatMap(([of, to]) =>
    Object.entries(shares).map(([word, share]) => {
      const at = (lane, turn) => percentile(turns[lane][turn], share)
      const each = turns[of].map((_, turn) => [at(of, turn), at(to, turn)])
      return {
        ratio: `${of} ÷ ${to}`,
        of: word,
        ...spread(each.map(([a, b]) => a / b)),
        extraMillis: spread(each.map(([a, b]) => a - b)).median,
      }
    }),
  )
  return { lanes, ratios }
}

const RATIOS = [
  ['put', 'upsert'],
  ['wrapped SET', 'upsert'],
  ['get', 'GET'],
  ['get, shadowed', 'get'],
]

/** Latencies in milliseconds of so many calls by so many clients at the same time. */
async function many(work, count, clients) {
  const millis = []
  let next = 0
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) {
        const began = performance.now()
        await work(next++)
        millis.push(performance.now() - began)
      }
    }),
  )
  return millis
}
