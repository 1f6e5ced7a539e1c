import { afterAll, expect, inject } from 'vitest'
import { apply, loadProject } from '../../src/index.ts'
import type { Phase, Project } from '../../src/plan/plan.ts'
import { connect, type Internals } from '../../src/runtime/connect.ts'
import type { ConnectOptions, Kvmig } from '../../src/runtime/kvmig.ts'
import { fleet, laggards } from '../../src/state/instances.ts'
import { flipRoute, readRoutes } from '../../src/state/route.ts'
import { openTarget } from '../../src/target/connect.ts'
import type { Target } from '../../src/target/target.ts'
import { projectFolder } from '../setup/cli.ts'
import { freshRedis } from '../setup/redis.ts'
import { freshAddress, type TargetKind } from '../target/targets.ts'

/** Three plans whose records are a key, a field, and a key that expires. */
export const PLANS: Readonly<Record<string, string>> = {
  users: `
version: 1
plan: users
mappings:
  - match: user:{id}
    type: string
    decode: json
    into: users
    fields: { id: $id, name: name, visits: visits | default(0), joined: joined | epoch_ms }
tables:
  users:
    columns: { id: text, name: text not null, visits: integer not null, joined: timestamptz }
    primary_key: [id]
`,
  scores: `
version: 1
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
`,
  sessions: `
version: 1
plan: sessions
mappings:
  - match: session:{id}
    type: string
    decode: json
    into: sessions
    fields: { id: $id, handle: handle, expires_at: $expires_at }
tables:
  sessions:
    columns: { id: text, handle: text not null, expires_at: timestamptz }
    primary_key: [id]
`,
}

/** Whole numbers, each a key. */
export const COUNTERS = `
version: 1
plan: counters
mappings:
  - { match: 'counter:{id}', type: string, into: counters, fields: { id: $id, n: $value | int } }
tables:
  counters: { columns: { id: text, n: bigint not null }, primary_key: [id] }
`

/** A Redis, a target and a project between them, brought to phase A; gone with the test file. */
export async function startWorld(
  kind: TargetKind = 'postgres',
  plans = PLANS,
  /** Where the source is another store than the Redis: its address as KV_URL, and its credentials. */
  elsewhere: Readonly<Record<string, string>> = {},
) {
  const redis = await freshRedis()
  const address = await freshAddress(kind)
  // In memory, an embedded Postgres is everybody's own: in a folder it would be locked.
  const folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources:\n  kv: ${KV_URL}\ntarget: ${DATABASE_URL}\nplans: plans/*.yaml\n',
    ...Object.fromEntries(Object.entries(plans).map(([name, text]) => [`plans/${name}.yaml`, text])),
  })
  const { project, diagnostics } = await loadProject(`${folder.path}/migrations.yaml`)
  if (!project) throw new Error(JSON.stringify(diagnostics))
  const target = await openTarget(address.url)
  const variables: Record<string, string> & { KV_URL: string; DATABASE_URL: string } = {
    KV_URL: redis.url,
    DATABASE_URL: address.url,
    ...elsewhere,
  }
  const open: Kvmig[] = []
  afterAll(async () => {
    await Promise.allSettled(open.map((it) => it.close()))
    await target.close()
    await address.drop()
    await redis.stop()
    folder.remove()
  })
  return {
    redis,
    target,
    project: project as Project,
    variables,
    applyA: () => apply(project, { variables }),
    connect: async (options: ConnectOptions = {}, internals: Internals = {}): Promise<Kvmig> => {
      const made = await connect(
        { project, variables: { ...variables, ...options.variables }, ...rest(options) },
        internals,
      )
      open.push(made)
      return made
    },
    flip: async (plan: string, phase: Phase, rollout = false): Promise<void> => {
      await flip(target, plan, phase, rollout)
      if (inject('poolerPort') !== 0) await known(target, plan)
    },
    /** Until these instances have seen the routes as they are. */
    known: async (...instances: readonly Kvmig[]): Promise<void> => {
      await expect
        .poll(() =>
          target.transaction((tx) =>
            tx.query(
              'SELECT 1 FROM kvmig.instance, kvmig.route r WHERE (epochs ->> r.plan)::bigint < r.epoch AND id = ANY ($1::text[])',
              [`{${instances.map((it) => JSON.stringify(it.instance)).join(',')}}`],
            ),
          ),
        )
        .toEqual([])
    },
    /** What a flip of the program does in the source. */
    raiseEpoch: async (plan: string): Promise<void> => {
      const { epoch } = (await readRoutes(target)).get(plan)!
      await redis.client.hset('kvmig:epoch', plan, epoch)
    },
    rows: (sql: string) => target.transaction((tx) => tx.query(sql), { searchPath: ['public'] }),
  }
}

/** Behind a pooler instances cannot listen, and look every second: a little time to see it, for those that do. */
async function known(target: Target, plan: string): Promise<void> {
  const { epoch } = (await readRoutes(target)).get(plan)!
  const until = Date.now() + 1500
  while (laggards(await fleet(target), plan, epoch).length > 0 && Date.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 20))
}

const rest = ({ variables: _, ...others }: ConnectOptions): ConnectOptions => others

export async function flip(target: Target, plan: string, phase: Phase, rollout = false): Promise<void> {
  const from = (await readRoutes(target)).get(plan)!.epoch
  await target.transaction((tx) => flipRoute(tx, plan, { phase, rollout, from }))
}
