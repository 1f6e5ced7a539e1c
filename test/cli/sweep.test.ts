import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { startPgBouncer } from '../setup/pgbouncer.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { runCli } from '../setup/run-cli.ts'

const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const it of cleanUp.splice(0).reverse()) await it()
})

const SESSIONS = `version: 1
plan: sessions
mappings:
  - { match: 'session:{id}', type: string, into: sessions, fields: { id: $id, who: $value, expires_at: $expires_at } }
tables:
  sessions:
    columns: { id: text, who: text not null, expires_at: timestamptz }
    primary_key: [id]
    expiry: { column: expires_at }
`

const FUTURE = Date.now() + 86_400_000

const session = (id: string | number, expires: number | null) =>
  JSON.stringify({ key: `session:${id}`, type: 'string', value: 'ann', expires_at: expires })

interface World {
  readonly database: FreshDatabase
  readonly folder: string
  run(...argv: string[]): ReturnType<typeof runCli>
  data(...lines: string[]): void
  ids(from: string): Promise<readonly string[]>
}

async function world(
  plan: string,
  { url = (it: string) => it }: { url?: (it: string) => string } = {},
): Promise<World> {
  const database = await freshDatabase()
  const folder = projectFolder({
    'migrations.yaml': `version: 1\nsources: { kv: 'ndjson:./kv.ndjson' }\ntarget: \${DATABASE_URL}\n`,
    'plans/plan.yaml': plan,
    'kv.ndjson': '',
  })
  cleanUp.push(folder.remove, () => database.drop())
  return {
    database,
    folder: folder.path,
    run: (...argv) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: url(database.url) } }),
    data: (...lines) => writeFileSync(join(folder.path, 'kv.ndjson'), lines.map((it) => `${it}\n`).join('')),
    ids: async (from) => (await database.query(`select id from ${from} order by id`)).rows.map((it) => it.id),
  }
}

const applied = async (it: World) => {
  const result = await it.run('apply', '--phase=A', '--yes')
  expect(`${result.code} ${result.stdout}`).toMatch(/^0 /)
  return result.stdout
}

describe('a table whose rows expire', () => {
  test('is planned with a view, and an index on the expiry', async () => {
    const it = await world(SESSIONS)
    const { stdout } = await it.run('plan')
    expect(stdout).toMatch(
      /\+ view +sessions_live +sessions without what expired by expires_at; kvmig sweep deletes that/,
    )
    expect(stdout).toMatch(/\+ index +sessions\.sessions_expires_at_idx +expires_at/)
  })

  test('hides rows in its view to the moment, and a sweep deletes them', async () => {
    const it = await world(SESSIONS)
    it.data(session('a', FUTURE), session('b', null), session('c', FUTURE))
    await applied(it)
    expect(await it.ids('sessions_live')).toEqual(['a', 'b', 'c'])
    await it.database.query("update sessions set expires_at = now() - interval '1 second' where id = 'c'")
    expect(await it.ids('sessions_live')).toEqual(['a', 'b'])
    expect(await it.ids('sessions')).toEqual(['a', 'b', 'c'])

    const first = await it.run('sweep')
    expect(first).toMatchObject({
      code: 0,
      stdout:
        'sessions  1 expired row deleted in 1 batch\nSweep: 1 expired row deleted, 0 partitions made.\n',
    })
    expect(await it.ids('sessions')).toEqual(['a', 'b'])
    expect(await it.run('sweep')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('sessions  nothing to do'),
    })
    const { rows } = await it.database.query(
      "select outcome, summary::jsonb->'swept'->0->>'rows' as rows from kvmig.run where command = 'sweep' order by started_at",
    )
    expect(rows).toEqual([
      { outcome: 'done', rows: '1' },
      { outcome: 'done', rows: '0' },
    ])
  })

  test('is swept in batches of a bounded size, through a pooler too, and passes over rows that somebody holds', async () => {
    const it = await world(SESSIONS)
    it.data(session('keep', FUTURE))
    await applied(it)
    await it.database.query(
      "insert into sessions select n, 'bo', now() - n * interval '1 second' from generate_series(1, 2500) n",
    )
    const pooler = await startPgBouncer(it.database.url)
    cleanUp.push(() => pooler.stop())
    const { stdout } = await runCli(['sweep', '--batch', '1000', '--json'], {
      cwd: it.folder,
      env: { DATABASE_URL: pooler.url },
    })
    expect(JSON.parse(stdout)).toMatchObject({ tables: [{ table: 'sessions', rows: 2500, batches: 3 }] })
    expect(await it.ids('sessions')).toEqual(['keep'])
  })

  test('gets a renewed session back with the next copy', async () => {
    const it = await world(SESSIONS)
    it.data(session('a', FUTURE), session('b', FUTURE))
    await applied(it)
    await it.database.query("update sessions set expires_at = now() - interval '1 hour' where id = 'a'")
    await it.run('sweep')
    expect((await it.run('check')).stdout).toContain('missing')
    expect((await it.run('apply', '--phase=A', '--again', '--yes')).code).toBe(0)
    expect(await it.ids('sessions')).toEqual(['a', 'b'])
  })

  test('is rolled back with its view, and applied again', async () => {
    const it = await world(SESSIONS)
    it.data(session('a', FUTURE))
    await applied(it)
    expect((await it.run('rollback', '--yes')).code).toBe(0)
    const { rows } = await it.database.query(
      "select relname from pg_class where relnamespace = 'public'::regnamespace",
    )
    expect(rows).toEqual([])
    expect((await it.run('sweep')).stdout).toContain('sessions  not there yet: kvmig apply makes it')
    await applied(it)
    expect(await it.ids('sessions_live')).toEqual(['a'])
  })

  test('takes over an edit of the view alone, and keeps the rows', async () => {
    const it = await world(SESSIONS)
    it.data(session('a', FUTURE))
    await applied(it)
    const { rows: before } = await it.database.query("select 'sessions'::regclass::oid as oid")
    writeFileSync(
      join(it.folder, 'plans/plan.yaml'),
      SESSIONS.replace('column: expires_at }', 'column: expires_at, view: living }'),
    )
    await applied(it)
    expect(await it.ids('living')).toEqual(['a'])
    const { rows } = await it.database.query(
      "select 'sessions'::regclass::oid as oid, to_regclass('sessions_live') as old",
    )
    expect(rows).toEqual([{ ...before[0], old: null }])
  })

  test('refuses a view in the place of something that is there', async () => {
    const it = await world(SESSIONS)
    await it.database.query('create table sessions_live (id text)')
    const { code, stdout } = await it.run('apply', '--phase=A', '--yes')
    expect(code).toBe(1)
    expect(stdout).toContain('sessions_live is there already, and kvmig did not make it.')
  })

  test('says why rows stay that others refer to', async () => {
    const it = await world(SESSIONS)
    it.data(session('a', FUTURE))
    await applied(it)
    await it.database.query(
      "update sessions set expires_at = now() - interval '1 hour'; create table carts (session text references sessions); insert into carts values ('a')",
    )
    expect(await it.run('sweep')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'STILL_REFERENCED  Rows of sessions have expired that carts still refers to.',
      ),
    })
  })
})

describe('sweep: pg_cron', () => {
  test('where the server has no pg_cron says so, and what to do instead', async () => {
    const it = await world(SESSIONS.replace('column: expires_at }', 'column: expires_at, sweep: pg_cron }'))
    it.data(session('a', FUTURE))
    const live = await it.run('plan', '--live', '--no-prove')
    expect(live.stdout).toMatch(
      /Extensions\n {2}✗ pg_cron +This server does not have it\. Call kvmig sweep from a scheduler of yours instead\. Install pg_cron on the server/,
    )
    expect(await applied(it)).toMatch(
      /no pg_cron here \(.*not available\): call kvmig sweep from a scheduler of yours/,
    )
    await it.database.query("update sessions set expires_at = now() - interval '1 hour'")
    expect((await it.run('sweep')).stdout).toContain('1 expired row deleted')
    expect((await it.run('rollback', '--yes')).code).toBe(0)
  })
})

const EVENTS = `version: 1
plan: events
mappings:
  - { match: 'event:{id}', type: string, decode: json, into: events, fields: { id: $id, at: at | iso, expires_at: $expires_at } }
tables:
  events:
    columns: { id: text, at: timestamptz not null, expires_at: timestamptz }
    primary_key: [id, at]
    partition_by: range (at)
    partitions: { every: month, from: 2026-01-01, ahead: 2 }
    expiry: { column: expires_at }
`

const event = (id: string, at: string) =>
  JSON.stringify({ key: `event:${id}`, type: 'string', value: JSON.stringify({ at }), expires_at: FUTURE })

const partitionOf = async ({ database }: World) =>
  (await database.query('select id, tableoid::regclass::text as part from events order by id')).rows.map(
    (it) => [it.id, it.part],
  )

describe('a partitioned table', () => {
  test('says how many partitions there will be ahead, and has them before a row comes', async () => {
    const it = await world(EVENTS)
    it.data(
      event('a', '2026-01-31T23:59:59Z'),
      event('b', '2026-02-01T00:00:00Z'),
      event('old', '2019-05-01T00:00:00Z'),
    )
    const { stdout } = await it.run('plan')
    expect(stdout).toMatch(
      /\+ partitions +events +one a month from 2026-01-01, 2 ahead, and one for all other rows/,
    )
    await applied(it)
    expect(await partitionOf(it)).toEqual([
      ['a', 'events_p20260101'],
      ['b', 'events_p20260201'],
      ['old', 'events_default'],
    ])
    const { rows } = await it.database.query(
      `select to_char(date_trunc('month', now() at time zone 'UTC') + n * interval '1 month', '"events_p"YYYYMMDD') as name from generate_series(0, 3) n`,
    )
    const exist = await Promise.all(
      rows.map(
        async ({ name }) =>
          (await it.database.query('select to_regclass($1) is not null as it', [name])).rows[0].it,
      ),
    )
    expect(exist).toEqual([true, true, true, false])
  })

  test('gets the partitions that are due from a sweep, and says which it cannot make', async () => {
    const it = await world(EVENTS)
    it.data(event('a', '2026-01-31T23:59:59Z'))
    await applied(it)
    await it.database.query(
      "drop table events_p20260301; drop table events_p20260401; insert into events values ('x', '2026-04-02', now() - interval '1 s')",
    )
    expect((await it.run('sweep')).stdout).toBe(
      'events  1 expired row deleted in 1 batch; made events_p20260301; could not make events_p20260401: the default partition has rows of that time, which have to be moved out of it first\nSweep: 1 expired row deleted, 1 partition made.\n',
    )
    expect((await it.run('sweep')).stdout).toContain('events  made events_p20260401\n')
    expect((await it.run('sweep')).stdout).toContain('events  nothing to do\n')
  })

  test('more of them ahead is a step of its own: the rows stay', async () => {
    const it = await world(EVENTS)
    it.data(event('a', '2026-01-31T23:59:59Z'))
    await applied(it)
    const { rows: before } = await it.database.query("select 'events'::regclass::oid as oid")
    writeFileSync(join(it.folder, 'plans/plan.yaml'), EVENTS.replace('ahead: 2', 'ahead: 5'))
    expect(await applied(it)).toMatch(/partitions +events .*3 partitions/)
    const { rows } = await it.database.query("select 'events'::regclass::oid as oid")
    expect(rows).toEqual(before)
    expect((await it.run('rollback', '--yes')).code).toBe(0)
  })
})

describe('an embedded Postgres', () => {
  test('hides, sweeps and has partitions too', async () => {
    const it = await world(EVENTS, { url: () => 'pglite:./pg' })
    it.data(event('a', '2026-01-31T23:59:59Z'))
    await applied(it)
    expect((await it.run('sweep')).stdout).toContain('events  nothing to do')
  })
})
