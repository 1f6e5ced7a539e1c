import { createHash } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../../setup/postgres-server.ts'
import { type FaultyProxy, startProxy } from '../../setup/proxy.ts'
import { type FreshRedis, freshRedis } from '../../setup/redis.ts'
import { SCORES, startWorld, USERS, user, type World } from '../world.ts'
import { Crowd } from './crowd.ts'

/** How long faults go on, over all phases together. A night has a variable: KVMIG_TEST_SOAK_SECONDS=3600. */
const SECONDS = Number(process.env.KVMIG_TEST_SOAK_SECONDS ?? 12)
/** Another one gives another course of faults. */
const SEED = process.env.KVMIG_TEST_SOAK_SEED ?? 'kvmig'
const EVERY_MILLIS = 2_000
/** Few, so that writers meet: what comes in the wrong order has to show. */
const RECORDS = 6
const NAMES = ['web-1', 'web-2', 'web-3']

let world: World
let server: PostgresServer
let redis: FreshRedis
let proxies: { readonly sql: FaultyProxy; readonly kv: FaultyProxy }
let crowd: Crowd
afterAll(async () => {
  await crowd?.stop()
  await world?.stop()
  await proxies?.sql.close()
  await proxies?.kv.close()
  await server?.stop()
})

const through = (address: string, proxy: FaultyProxy): string =>
  Object.assign(new URL(address), { port: String(proxy.port) }).href

/** Both servers keep what they have confirmed: a store that loses data is another story, which `reconcile` tells. */
async function start(): Promise<void> {
  server = await startPostgres({ durable: true })
  redis = await freshRedis({ arguments: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  world = await startWorld({
    count: 60,
    redis,
    postgres: server.url,
    files: {
      'plans/users.yaml': `${USERS.replace('./archive, keep: 30d', './archive, keep: 1s')}gates:
  B: [{ full: { drift: 100% }, because: a crowd rewrites most of it all the time }]
  D: [{ idle: 1s }]
`,
      'plans/scores.yaml': `${SCORES}gates: { B: [{ full: { drift: 100% }, because: a crowd counts all the time }] }
archive: { to: ./archive, keep: 30d }
`,
    },
  })
  await redis.client.hset('scores:go', '0', '0', '1', '0')
  proxies = {
    sql: await startProxy(Number(new URL(world.database.url).port)),
    kv: await startProxy(redis.port),
  }
}

const chance = (what: string, below: number): number =>
  createHash('sha256').update(`${SEED} ${what}`).digest().readUInt32BE() % below

const FAULTS: readonly (readonly [string, (n: number) => Promise<void> | void])[] = [
  [
    'an instance is killed, and another takes its place',
    async (n) => {
      const name = NAMES[chance(`who ${n}`, NAMES.length)]!
      await crowd.kill(name)
      await crowd.start(name, n)
    },
  ],
  ['connections to the source are cut', (n) => proxies.kv.cutAfter(chance(`bytes ${n}`, 5000))],
  ['connections to Postgres are cut', (n) => proxies.sql.cutAfter(chance(`bytes ${n}`, 50_000))],
  [
    'the source is killed and comes back',
    async () => {
      await redis.kill()
      await redis.restart()
    },
  ],
  [
    'Postgres is killed and comes back',
    async () => {
      await server.crash()
      await server.restart()
    },
  ],
  [
    'a clock is wrong',
    (n) => {
      const by = [-3_600_000, 90_000, 86_400_000][chance(`clock ${n}`, 3)]!
      crowd.stepClock(NAMES[chance(`whose ${n}`, NAMES.length)]!, by)
    },
  ],
]

let faults = 0
const happened: string[] = []
/** Something goes wrong every two seconds, for a share of the whole time, each kind as often as the others. */
async function trouble(share: number): Promise<void> {
  const until = performance.now() + share * SECONDS * 1000
  do {
    const [name, act] = FAULTS[faults % FAULTS.length]!
    faults += 1
    happened.push(name)
    await act(faults)
    await new Promise((resolve) => setTimeout(resolve, EVERY_MILLIS))
  } while (performance.now() < until)
}

/** A command may be hit as well: then it is run again, as a person or a pipeline would. */
async function until(...args: string[]): Promise<void> {
  const said: string[] = []
  for (let attempt = 0; attempt < 30; attempt++) {
    const { code, stdout, stderr } = await world.run(args)
    if (code === 0) return
    said.push(`${code} ${stdout}${stderr}`)
    // Whoever was killed counts as gone after fifteen seconds; whatever waits goes by itself.
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new Error(`kvmig ${args.join(' ')} did not end with 0: ${said.slice(-2).join('\n')}`)
}

const everything = async () => {
  const { source, target } = await world.users()
  const { rows } = await world.database.query('SELECT player, points::text FROM scores')
  return {
    source: { users: source, scores: await redis.client.hgetall('scores:go') },
    target: { users: target, scores: Object.fromEntries(rows.map((it) => [it.player, it.points])) },
  }
}

test('a crowd, through all phases and back, while everything breaks: nothing is lost, doubled, invented, brought back or read too late', {
  timeout: SECONDS * 1000 + 600_000,
}, async () => {
  await start()
  await until('apply', '--phase=A')
  crowd = new Crowd({
    PROJECT: `${world.path}/migrations.yaml`,
    KV_URL: through(redis.url, proxies.kv),
    DATABASE_URL: through(world.database.url, proxies.sql),
    RECORDS: String(RECORDS),
  })
  await Promise.all(NAMES.map((name, n) => crowd.start(name, n)))
  // An instance without the runtime still writes the source only.
  for (let n = 0; n < 20; n++) await redis.client.set(`user:old ${n}`, user(`old ${n}`))

  const B = ['apply', '--phase=B', `--expect=${NAMES.length}`, '--confirm-deletes=1000']
  const toC = async () => {
    await until('reconcile')
    await until('apply', '--phase=C')
  }
  await Promise.all([until(...B), trouble(0.2)])
  await trouble(0.1)
  await Promise.all([toC(), trouble(0.2)])
  await Promise.all([until('rollback', '--to=B', '--yes'), trouble(0.2)])
  await Promise.all([toC(), trouble(0.2)])
  await until('reconcile')
  // Into D while they write: what comes after it is in Postgres alone.
  const retired = await world.run(['apply', '--phase=D', 'users', '--point-of-no-return'])
  expect(`${retired.stdout}${retired.stderr}`).toMatch(/phase D since/)
  await trouble(0.1)
  // The day after: the source is written again, and what it missed is carried to it.
  await until('rollback', '--to=C', '--yes', 'users')
  await until('reconcile')
  await crowd.stop()
  await until('reconcile')
  await until('diff')

  const { source, target } = await everything()
  expect(source).toEqual(target)
  const end = new Map(Object.entries(target.users).map(([id, it]) => [id, (it as { name: string }).name]))
  expect(crowd.history.violations(end)).toEqual([])
  for (const [player, { done, unknown }] of crowd.counters) {
    const points = Number(target.scores[player] ?? 0)
    expect({ player, points, ok: done <= points && points <= done + unknown }).toMatchObject({ ok: true })
  }
  for (let n = 0; n < 20; n++) expect(end.get(`old ${n}`)).toBe(`old ${n}`)
  // It was a crowd, and it was in trouble.
  for (const did of ['write done', 'read done', 'count done'])
    expect(crowd.ended.get(did) ?? 0).toBeGreaterThan(100)
  expect(new Set(happened).size).toBe(Math.min(FAULTS.length, faults))
  expect(faults).toBeGreaterThanOrEqual(6)
})
