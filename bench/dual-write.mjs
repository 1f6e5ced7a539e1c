// What dual-write costs a caller, beside a bare upsert and a bare SET of the same records: servers of its own, all lanes interleaved.
//   node bench/dual-write.mjs [--calls 2000] [--clients 4,16]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { apply, loadProject } from '../dist/index.js'
import { connect } from '../dist/runtime/index.js'
import { flipRoute, readRoutes } from '../dist/state/route.js'
import { openTarget } from '../dist/target/connect.js'
import { startPostgres, startRedis } from './servers.mjs'

const { values: options } = parseArgs({
  options: { calls: { type: 'string', default: '2000' }, clients: { type: 'string', default: '4,16' } },
})
const calls = Number(options.calls)

const PLAN = `
version: 1
plan: users
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, fields: { id: $id, name: name, visits: visits } }
tables:
  users: { columns: { id: text, name: text not null, visits: integer not null }, primary_key: [id] }
`

const [redis, postgres] = [await startRedis(), await startPostgres()]
const folder = mkdtempSync(join(tmpdir(), 'kvmig-bench-'))
try {
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
  const LANES = {
    'SET alone': (n) => client.set(`bare:${n % 500}`, json(n)),
    'upsert alone': (n) => pool.query(upsert, [`bare${n % 500}`, `name ${n}`, n]),
    'put in B': (n) => users.put(row(n)),
    'wrapped SET in B': (n) => wrapped.set(`user:u${n % 500}`, json(n)),
    'GET alone': (n) => client.get(`bare:${n % 500}`),
    'get in B': (n) => users.get({ id: `u${n % 500}` }),
    'get in B, 10 % shadowed': (n) => watched.get({ id: `u${n % 500}` }),
  }
  for (const clients of options.clients.split(',').map(Number)) {
    const found = Object.fromEntries(Object.keys(LANES).map((it) => [it, []]))
    for (const work of Object.values(LANES)) await many(work, 200, clients)
    for (let round = 0; round < 4; round++)
      for (const [lane, work] of Object.entries(LANES))
        found[lane].push(...(await many(work, calls / 4, clients)))
    const bare = percentile(found['upsert alone'], 0.95)
    console.log(`${clients} clients`)
    for (const [lane, millis] of Object.entries(found)) {
      const [p50, p95] = [percentile(millis, 0.5), percentile(millis, 0.95)]
      console.log(
        `  ${lane.padEnd(26)} p50 ${p50.toFixed(2).padStart(6)} ms   p95 ${p95.toFixed(2).padStart(6)} ms   ${(p95 / bare).toFixed(2)} of the bare upsert's p95`,
      )
    }
  }
  await Promise.all([quiet.close(), shadowed.close(), pool.end(), target.close()])
  client.disconnect()
} finally {
  await redis.stop()
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}

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

function percentile(millis, share) {
  const sorted = [...millis].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1]
}
