import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { copyOfPostgres, DEBIANS_POSTGRES } from '../setup/postgres-copy.ts'
import { type PostgresServer, startPostgres } from '../setup/postgres-server.ts'
import { runCli } from '../setup/run-cli.ts'

const PLAN = `version: 1
plan: points
mappings:
  - { match: 'point:{id}', type: string, decode: json, into: points, fields: { id: $id, at: at | iso, value: value } }
tables:
  points:
    columns: { id: text, at: timestamptz, value: integer }
    primary_key: [id, at]
    partition_by: range (at)
    partitions: { every: week, with: timescaledb }
`
const project = (plan = PLAN) =>
  projectFolder({
    'migrations.yaml': "version: 1\nsources: { kv: 'ndjson:./kv.ndjson' }\ntarget: ${DATABASE_URL}\n",
    'plans/points.yaml': plan,
    'kv.ndjson':
      '{"key":"point:a","type":"string","value":"{\\"at\\":\\"2026-01-01T00:00:00Z\\",\\"value\\":7}"}\n',
  })

test('without TimescaleDB a hypertable is one plain table, in words', async () => {
  const database = await freshDatabase()
  const folder = project()
  const run = (...argv: string[]) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: database.url } })
  expect((await run('plan', '--no-prove')).stdout).toMatch(
    /\+ partitions +points +a hypertable of TimescaleDB, in chunks of a week/,
  )
  expect((await run('plan', '--live', '--no-prove')).stdout).toMatch(
    /✗ timescaledb +This server does not have it\. .*The table stays a plain one.*Install TimescaleDB/,
  )
  const { code, stdout } = await run('apply', '--phase=A', '--yes')
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /partitions +points .*one plain table, without TimescaleDB \(.*not available.*Install TimescaleDB/,
  )
  expect((await database.query('select id, value from points')).rows).toEqual([{ id: 'a', value: 7 }])
  expect((await run('sweep')).code).toBe(0)
  expect((await run('rollback', '--yes')).code).toBe(0)
  folder.remove()
  await database.drop()
})

test('and what is unique has to hold the time, as TimescaleDB wants it', async () => {
  const folder = project(PLAN.replace('[id, at]', '[id]'))
  const { stdout } = await runCli(['plan', '--no-prove'], { cwd: folder.path })
  folder.remove()
  expect(stdout).toMatch(/KV054 +TimescaleDB keeps nothing unique without the column "at"/)
})

/**
 * A border that cannot be had here: an extension by the name of TimescaleDB, with the signature of its function (2.x), which writes down
 * what it was called with and refuses what the real one refuses.
 */
const bin = copyOfPostgres('timescaledb', (folder) => {
  const place = join(folder, 'usr/share/postgresql', DEBIANS_POSTGRES, 'extension')
  writeFileSync(
    join(place, 'timescaledb.control'),
    "default_version = '2.0'\nrelocatable = false\nschema = public\n",
  )
  writeFileSync(
    join(place, 'timescaledb--2.0.sql'),
    `CREATE TABLE public.called (relation regclass, column_name name, chunk interval, default_indexes boolean, rows bigint);
CREATE FUNCTION public.create_hypertable(relation regclass, time_column_name name, partitioning_column name = NULL, number_partitions integer = NULL,
  associated_schema_name name = NULL, associated_table_prefix name = NULL, chunk_time_interval anyelement = NULL::bigint,
  create_default_indexes boolean = true, if_not_exists boolean = false, partitioning_func regproc = NULL, migrate_data boolean = false)
RETURNS TABLE (hypertable_id integer, schema_name name, table_name name, created boolean) LANGUAGE plpgsql AS $f$
DECLARE n bigint;
BEGIN
  IF (SELECT relkind FROM pg_class WHERE oid = relation) <> 'r' THEN RAISE 'table is already partitioned'; END IF;
  EXECUTE format('SELECT count(*) FROM %s', relation) INTO n;
  IF n > 0 THEN RAISE 'table is not empty'; END IF;
  INSERT INTO public.called VALUES (relation, time_column_name, chunk_time_interval, create_default_indexes, n);
  RETURN QUERY SELECT 1, 'public'::name, relation::text::name, true;
END $f$;
`,
  )
})

describe.skipIf(!bin)('on a server with TimescaleDB (a stand-in; needs Debian’s Postgres 15)', () => {
  let server: PostgresServer
  let client: pg.Client
  beforeAll(async () => {
    server = await startPostgres({ bin: bin! })
    client = new pg.Client({ connectionString: server.url })
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await server.stop()
  })

  test('a hypertable is made before the first row, by the column and in the chunks that the plan says', async () => {
    const folder = project()
    const run = (...argv: string[]) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: server.url } })
    const { code, stdout } = await run('apply', '--phase=A', '--yes')
    expect(`${code} ${stdout}`).toMatch(/^0 /)
    expect(
      (
        await client.query(
          'select relation::text, column_name, chunk::text, default_indexes, rows from called',
        )
      ).rows,
    ).toEqual([{ relation: 'points', column_name: 'at', chunk: '7 days', default_indexes: false, rows: '0' }])
    expect((await client.query('select id, value from points')).rows).toEqual([{ id: 'a', value: 7 }])
    expect((await run('plan', '--live', '--no-prove')).stdout).toMatch(/✓ timescaledb +It is there\./)
    expect((await run('rollback', '--yes')).code).toBe(0)
    folder.remove()
  })
})

/**
 * The real one, where somebody has it: KVMIG_TEST_TIMESCALEDB names a folder with usr/lib/postgresql/15 and usr/share/postgresql/15 as an installation
 * of the extension fills them (DESTDIR). It is in no archive that the tests could fetch it from.
 */
const installed = process.env.KVMIG_TEST_TIMESCALEDB
const real =
  installed &&
  copyOfPostgres(`timescaledb-${installed.replace(/\W+/g, '-')}`, (folder) =>
    cpSync(join(installed, 'usr'), join(folder, 'usr'), { recursive: true }),
  )

describe.skipIf(!real)('on a server with the real TimescaleDB (KVMIG_TEST_TIMESCALEDB)', () => {
  let server: PostgresServer
  let client: pg.Client
  beforeAll(async () => {
    server = await startPostgres({
      bin: real || '',
      configuration: ['shared_preload_libraries=timescaledb'],
    })
    client = new pg.Client({ connectionString: server.url })
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await server.stop()
  })

  const POINTS = 500
  const point = (id: number, value: number): string => {
    const at = new Date(Date.UTC(2026, 0, 1) + id * 86_400_000 + id).toISOString()
    return JSON.stringify({ key: `point:${id}`, type: 'string', value: JSON.stringify({ at, value }) })
  }
  const points = (from: number, value: (id: number) => number): string =>
    `${Array.from({ length: POINTS - from }, (_, at) => point(at + from, value(at + from))).join('\n')}\n`

  test('a hypertable is filled, compared, brought up to date and taken back as a table is', async () => {
    const folder = project(
      PLAN.replace('partition_by', 'indexes: { points_value: [value] }\n    partition_by'),
    )
    const run = (...argv: string[]) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: server.url } })
    writeFileSync(
      join(folder.path, 'kv.ndjson'),
      points(0, (id) => id),
    )
    expect((await run('plan', '--live')).stdout).toMatch(/✓ timescaledb +The server has it/)
    const applied = await run('apply', '--phase=A', '--yes')
    expect(`${applied.code} ${applied.code === 0 ? '' : applied.stdout}`).toBe('0 ')
    const { rows: dimensions } = await client.query(
      "SELECT column_name, time_interval::text FROM timescaledb_information.dimensions WHERE hypertable_name = 'points'",
    )
    expect(dimensions).toEqual([{ column_name: 'at', time_interval: '7 days' }])
    const { rows: chunks } = await client.query('SELECT count(*) FROM timescaledb_information.chunks')
    expect(Number(chunks[0].count)).toBeGreaterThan(POINTS / 7 - 1)
    expect((await run('diff')).code).toBe(0)

    // One changed, one is gone: both are told, and mended.
    writeFileSync(
      join(folder.path, 'kv.ndjson'),
      points(1, (id) => (id === 7 ? 700 : id)),
    )
    expect((await run('diff')).stdout).toMatch(/Diff: 1 different and 1 extra of 499 rows/)
    expect((await run('apply', '--phase=A', '--again', '--yes')).code).toBe(0)
    expect((await run('diff')).code).toBe(0)
    expect((await client.query("SELECT id, value FROM points WHERE id IN ('0', '7')")).rows).toEqual([
      { id: '7', value: 700 },
    ])
    expect((await run('plan', '--live', '--no-prove')).stdout).toMatch(/✓ timescaledb +It is there\./)
    expect((await run('rollback', '--yes')).code).toBe(0)
    expect((await client.query("SELECT to_regclass('points') AS it")).rows).toEqual([{ it: null }])
    folder.remove()
  })
})
