import type { ChainableCommander } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { EXIT } from '../../src/errors.ts'
import { type Ended, projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { startUpstash, type UpstashServer } from '../setup/upstash-server.ts'

/** Two plans, one after the other; strings that expire, a hash of many records, and keys that stay behind. */
const PLANS: Readonly<Record<string, string>> = {
  'plans/people.yaml': `version: 1
plan: people
mappings:
  - match: person:{id:int}
    type: string
    decode: json
    into: people
    fields: { id: $id, name: name, until: $expires_at }
tables:
  people:
    columns: { id: integer, name: text not null, until: timestamptz }
    primary_key: [id]
`,
  'plans/posts.yaml': `version: 1
plan: posts
mappings:
  - match: posts
    type: hash
    each: field
    into: posts
    fields: { id: $field, author: $value | int }
  - match: board:{id:int}
    type: set
    each: member
    into: boards
    key: [board, person]
    fields: { board: $id, person: $member | int }
tables:
  posts:
    columns: { id: text, author: integer not null }
    primary_key: [id]
    references: [{ columns: [author], to: people(id) }]
  boards:
    columns: { board: integer, person: integer }
    primary_key: [board, person]
    references: [{ columns: [person], to: people(id) }]
`,
}

const project = (budget: string): Readonly<Record<string, string>> => ({
  'migrations.yaml': `version: 1
sources: { kv: 'upstash:' }
target: \${DATABASE_URL}
plans: plans/*.yaml
${budget}
ephemeral: [{ match: 'session:{_}', because: people sign in again }]
`,
  ...PLANS,
})

const [PEOPLE, POSTS, BOARDS, SESSIONS] = [2000, 3000, 300, 500]

let redis: FreshRedis
let rest: UpstashServer
let database: FreshDatabase
beforeAll(async () => {
  redis = await freshRedis()
  const pipeline = redis.client.pipeline()
  for (let id = 1; id <= PEOPLE; id++) {
    pipeline.set(`person:${id}`, JSON.stringify({ name: `Ann ${id}` }))
    if (id % 2) pipeline.pexpireat(`person:${id}`, 2_000_000_000_000 + id)
  }
  for (let id = 1; id <= POSTS; id++) pipeline.hset('posts', `p${id}`, String(1 + (id % PEOPLE)))
  for (let id = 1; id <= BOARDS; id++) pipeline.sadd(`board:${id}`, String(id), String(id + 1))
  for (let id = 1; id <= SESSIONS; id++) pipeline.set(`session:${id}`, 'x', 'EX', 100_000)
  await pipeline.exec()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  rest = await startUpstash(redis.port)
  database = await freshDatabase()
})
afterEach(async () => {
  await rest.stop()
  await database.drop()
})

async function using<T>(
  budget: string,
  work: (run: (...args: string[]) => Promise<Ended & { billed: number }>) => Promise<T>,
): Promise<T> {
  const folder = projectFolder(project(budget))
  try {
    return await work(async (...args) => {
      const before = rest.billed
      const ended = await ran(folder.path, args, {
        DATABASE_URL: database.url,
        KV_REST_API_URL: rest.url,
        KV_REST_API_TOKEN: rest.token,
      })
      expect(ended.stdout + ended.stderr).not.toContain(rest.token)
      return { ...ended, billed: rest.billed - before }
    })
  } finally {
    folder.remove()
  }
}

const counted = async (): Promise<number> =>
  Number((await database.query('SELECT sum(commands) AS sum FROM kvmig.spent')).rows[0].sum)

const rows = async (): Promise<readonly number[]> => {
  const { rows: found } = await database.query(
    'SELECT (SELECT count(*) FROM people WHERE (until IS NOT NULL) = (id % 2 = 1)) AS a, (SELECT count(*) FROM posts) AS b, (SELECT count(*) FROM boards) AS c',
  )
  return [found[0].a, found[0].b, found[0].c].map(Number)
}
const ALL = [PEOPLE, POSTS, 2 * BOARDS]

test('plan --live says within 5 % how many commands apply needs, and the ledger counts each', async () => {
  await using('budget: { commands: 20k, per_month: 100k }', async (run) => {
    const planned = await run('plan', '--live', '--json', '--no-prove')
    expect(planned.code).toBe(EXIT.done)
    const { commands, budget, month } = JSON.parse(planned.stdout).live.forecast
    expect([budget, month]).toEqual([20_000, { budget: 100_000, used: 0 }])
    const applied = await run('apply', '--phase=A')
    expect(applied.code, applied.stdout).toBe(EXIT.done)
    expect(Math.abs(applied.billed - commands) / applied.billed).toBeLessThan(0.05)
    expect(await rows()).toEqual(ALL)
    // There was no ledger yet when the plan was made.
    expect(await counted()).toBe(applied.billed)

    const again = JSON.parse((await run('plan', '--live', '--json', '--no-prove')).stdout).live.forecast
    expect(again.month.used).toBeGreaterThan(applied.billed)
    const checked = await run('check')
    expect(checked.code).toBe(EXIT.done)
    expect(Math.abs(checked.billed - again.commands) / checked.billed).toBeLessThan(0.05)
    expect(await counted()).toBe(rest.billed - planned.billed)

    // What comes after: one look each, and two on the way into B.
    const { further } = again
    for (const [looks, ...args] of [
      [1, 'diff'],
      [2, 'apply', '--phase=B', '--credential-rotated'],
      [1, 'reconcile'],
    ] as const) {
      const { code, billed, stdout, stderr } = await run(...args)
      expect(code, stdout + stderr).toBe(EXIT.done)
      expect(Math.abs(billed - looks * further) / billed, `${args[0]}: ${billed}`).toBeLessThan(0.05)
    }
    const inB = JSON.parse((await run('plan', '--live', '--json', '--no-prove')).stdout).live.forecast
    // What this look has put down and not sent is given back, and not shown as used.
    expect(inB.month.used).toBe(await counted())
  })
})

test('a budget of a run stops it with exit code 5; the next run goes on, and nothing is paid for twice', async () => {
  let copied = 0
  await using('budget: { commands: 900 }', async (run) => {
    for (let runs = 1; ; runs++) {
      expect(runs).toBeLessThan(10)
      const { code, billed, stdout, stderr } = await run('apply', '--phase=A')
      expect(code).toBe(EXIT.notYet)
      expect(billed).toBeLessThanOrEqual(900)
      expect(stdout + stderr).toContain('The budget of 900 source commands a run is used up')
      copied += billed
      const { rows: steps } = await database.query(
        `SELECT count(*) FROM kvmig.step WHERE kind = 'backfill' AND state = 'done'`,
      )
      if (Number(steps[0].count) === 3) break
    }
  })
  await using('', async (run) => {
    const { code, billed } = await run('apply', '--phase=A')
    expect(code).toBe(EXIT.done)
    expect(await rows()).toEqual(ALL)
    // The copy needs about as much as the gate does; what was cut off in between is a part of a page each time.
    expect(copied).toBeLessThan(billed * 2.6)
  })
})

test('H61 a budget of a month is shared by everything, and never passed', async () => {
  await using('budget: { per_month: 6k }', async (run) => {
    const first = await run('apply', '--phase=A')
    expect(first.code).toBe(EXIT.done)
    const second = await run('check')
    expect(second.code).toBe(EXIT.notYet)
    expect(second.stdout).toContain('The budget of 6,000 source commands a month is used up')
    expect(second.stdout).toMatch(/It begins anew on \d{4}-\d\d-01 \(UTC\)/)
    const third = await run('plan', '--live', '--no-prove')
    expect(third.code).toBe(EXIT.notYet)
    expect(third.stderr).toContain('SOURCE_BUDGET')
    expect(rest.billed).toBeLessThanOrEqual(6000)
    expect(await counted()).toBe(rest.billed)
  })
})

test('a quota that Upstash says is used up stops with exit code 5, the date and the way out; later it goes on', async () => {
  await using('', async (run) => {
    rest.quota(1500)
    const first = await run('apply', '--phase=A')
    expect(first.code).toBe(EXIT.notYet)
    expect(first.stdout + first.stderr).toMatch(/answers nothing until \d{4}-\d\d-01 \(UTC\)/)
    expect(first.stdout + first.stderr).toContain('rdb:./backup.rdb')
    const kept = Number((await database.query('SELECT count(*) FROM people')).rows[0].count)
    expect(kept).toBeGreaterThan(0)
    rest.quota(Number.POSITIVE_INFINITY)
    const second = await run('apply', '--phase=A')
    expect(second.code).toBe(EXIT.done)
    expect(await rows()).toEqual(ALL)
  })
})

/** Key spaces that cost differently: by the thousand, by the key, by the element; what is left alone costs its name. */
const SPACES: readonly (readonly [string, (pipeline: ChainableCommander) => void, string?])[] = [
  ['three keys', (it) => times(3, (id) => it.set(`x:${id}`, 'v'))],
  ['strings that all expire', (it) => times(1500, (id) => it.set(`x:${id}`, 'v', 'EX', 1_000_000 + id))],
  [
    'small collections of every type, half of which expire',
    (it) =>
      times(400, (id) => {
        const kinds = [
          () => it.sadd(`x:${id}`, 'a', 'b'),
          () => it.rpush(`x:${id}`, 'a', 'a'),
          () => it.hset(`x:${id}`, { a: '1', b: '2' }),
          () => it.zadd(`x:${id}`, 1, 'a', 2, 'b'),
          () => it.xadd(`x:${id}`, '1-1', 'a', 'b'),
        ]
        kinds[id % kinds.length]!()
        if (id % 2) it.expire(`x:${id}`, 1_000_000)
      }),
  ],
  [
    'a big hash, a big list, a big sorted set',
    (it) =>
      times(12_000, (id) => it.hset('x:h', `f${id}`, 'v').rpush('x:l', `${id}`).zadd('x:z', id, `m${id}`)),
  ],
  [
    'few keys among many that are ignored',
    (it) => times(3000, (id) => it.set(`${id % 100 ? 'session' : 'x'}:${id}`, 'v', 'EX', 1_000_000)),
  ],
  [
    'documents that ask two other keys',
    (it) =>
      times(1200, (id) => it.set(`x:${id}`, 'v').zadd('order', id, `${id}`).set(`name:${id}`, `n${id}`)),
    `
  - match: x:{id}
    type: string
    into: things
    fields: { id: $id, value: $value, place: "score('order', $id)", name: "get('name:{$id}')" }
tables:
  things: { columns: { id: text, value: text, place: double precision, name: text }, primary_key: [id] }
`,
  ],
]

const LEFTOVERS = `
  - { match: 'x:{_:rest}', into: kvmig.leftovers }
`

const times = (count: number, work: (id: number) => void): void => {
  for (let id = 1; id <= count; id++) work(id)
}

test.each(SPACES.map(([name, fill, plan = LEFTOVERS]) => ({ name, fill, plan })))(
  '$name: what is used is what was forecast, but for a twentieth',
  async ({ fill, plan }) => {
    const server = await freshRedis()
    const pipeline = server.client.pipeline()
    fill(pipeline)
    await pipeline.exec()
    const there = await startUpstash(server.port)
    const folder = projectFolder({
      'migrations.yaml': project('budget: { per_month: 1M }')['migrations.yaml']!,
      'plans/rest.yaml': `version: 1\nplan: rest\nmappings:${plan}`,
    })
    try {
      const run = async (...args: string[]) => {
        const before = there.billed
        const ended = await ran(folder.path, args, {
          DATABASE_URL: database.url,
          KV_REST_API_URL: there.url,
          KV_REST_API_TOKEN: there.token,
        })
        return { ...ended, billed: there.billed - before }
      }
      const planned = await run('plan', '--live', '--json', '--no-prove')
      const { commands } = JSON.parse(planned.stdout).live.forecast
      const applied = await run('apply', '--phase=A', '--yes')
      expect(await counted()).toBe(applied.billed)
      expect(
        Math.abs(applied.billed - commands) / applied.billed,
        `${commands} of ${applied.billed}`,
      ).toBeLessThan(0.05)
    } finally {
      folder.remove()
      await there.stop()
      await server.stop()
    }
  },
)
