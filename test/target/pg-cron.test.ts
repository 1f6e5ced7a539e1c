import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { postgresWithCron } from '../setup/pg-cron.ts'
import { type PostgresServer, startPostgres } from '../setup/postgres-server.ts'
import { runCli } from '../setup/run-cli.ts'

const bin = postgresWithCron()

const PLAN = `version: 1
plan: sessions
mappings:
  - { match: 'session:{id}', type: string, into: sessions, fields: { id: $id, who: $value, expires_at: $expires_at } }
tables:
  sessions:
    columns: { id: text, who: text not null, expires_at: timestamptz }
    primary_key: [id]
    expiry: { column: expires_at, sweep: pg_cron }
`

describe.skipIf(!bin)('a server with pg_cron (needs Debian’s Postgres 15 and its package archive)', () => {
  let server: PostgresServer
  let folder: ReturnType<typeof projectFolder>
  const run = (...argv: string[]) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: server.url } })
  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
  beforeAll(async () => {
    server = await startPostgres({
      bin: bin!,
      configuration: ['shared_preload_libraries=pg_cron', 'cron.database_name=postgres', 'cron.host='],
    })
    folder = projectFolder({
      'migrations.yaml': `version: 1\nsources: { kv: 'ndjson:./kv.ndjson' }\ntarget: \${DATABASE_URL}\n`,
      'plans/sessions.yaml': PLAN,
      'kv.ndjson': `{"key":"session:a","type":"string","value":"ann","expires_at":${Date.now() + 86_400_000}}\n`,
    })
  })
  afterAll(async () => {
    folder.remove()
    await server.stop()
  })

  test('gets a job that deletes expired rows and no others, and loses it with the rollback', async () => {
    const live = await run('plan', '--live', '--no-prove')
    expect(live.stdout).toMatch(/✓ pg_cron +The server has it, and apply creates it where the role may\./)
    const applied = await run('apply', '--phase=A', '--yes')
    expect(`${applied.code} ${applied.stdout}`).toMatch(/^0 /)
    const [job] = await query('select jobname, schedule, command, active from cron.job')
    expect(job).toMatchObject({
      jobname: 'kvmig sweep public.sessions',
      schedule: '*/5 * * * *',
      active: true,
    })

    await query(
      "insert into sessions select n, 'bo', now() - n * interval '1 second' from generate_series(1, 50) n; insert into sessions values ('forever', 'cy', null)",
    )
    // What the job runs, without the waiting for its time.
    await query(job!.command)
    expect(await query('select id from sessions order by id')).toEqual([{ id: 'a' }, { id: 'forever' }])

    const plan = await run('plan', '--live', '--no-prove')
    expect(plan.stdout).toMatch(/✓ pg_cron +It is there\./)
    writeFileSync(join(folder.path, 'kv.ndjson'), '')
    expect((await run('apply', '--phase=A', '--yes')).stdout).not.toContain('failed')
    expect(await query('select count(*)::int as jobs from cron.job')).toEqual([{ jobs: 1 }])
    expect((await run('rollback', '--yes')).code).toBe(0)
    expect(await query('select count(*)::int as jobs from cron.job')).toEqual([{ jobs: 0 }])
  })

  test('and a role that may not use it says so, and how it may', async () => {
    await query(
      'create role plain login; grant create, usage on schema public to plain; grant create on database postgres to plain',
    )
    expect((await run('uninstall', '--yes')).code).toBe(0)
    const url = new URL(server.url)
    url.username = 'plain'
    const { stdout } = await runCli(['apply', '--phase=A', '--yes'], {
      cwd: folder.path,
      env: { DATABASE_URL: url.href },
    })
    expect(stdout).toMatch(
      /pg_cron took no job \(permission denied.*\): call kvmig sweep .* GRANT USAGE ON SCHEMA cron/,
    )
  })
})
