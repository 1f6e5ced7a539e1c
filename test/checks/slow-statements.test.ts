import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { slowStatements } from '../../src/checks/slow-statements.ts'
import { openTarget } from '../../src/target/connect.ts'
import type { Target } from '../../src/target/target.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { type PostgresServer, startPostgres } from '../setup/postgres-server.ts'
import { runSql } from './database.ts'
import { scopeOf, table } from './scope.ts'

const messages = table('messages', { id: 'text', text: 'text' })
const ask = (target: Target, options: { mean?: string; calls?: number } = {}) =>
  slowStatements.run(scopeOf({ target, tables: [messages] }), options)

describe('slow_statements, on a server that loads pg_stat_statements', () => {
  let server: PostgresServer
  let target: Target
  let application: pg.Client
  beforeAll(async () => {
    server = await startPostgres({ configuration: ['shared_preload_libraries=pg_stat_statements'] })
    target = await openTarget(server.url)
    await runSql(
      target,
      'CREATE SCHEMA extensions; CREATE EXTENSION pg_stat_statements SCHEMA extensions; CREATE TABLE messages (id text PRIMARY KEY, text text); CREATE TABLE others (id text); CREATE ROLE plain LOGIN',
    )
    application = new pg.Client({ connectionString: server.url })
    await application.connect()
  })
  afterAll(async () => {
    await application.end()
    await target.close()
    await server.stop()
  })
  const times = async (count: number, sql: string, parameters: readonly unknown[] = []) => {
    for (let n = 0; n < count; n++) await application.query(sql, [...parameters])
  }

  test('tells the slow ones that are called often, by their number, and no others', async () => {
    expect(await ask(target)).toMatchObject({
      status: 'unknown',
      measured: expect.stringMatching(/was called 20 times/),
    })
    await times(20, "/* route='/m' */ SELECT text FROM messages WHERE id = $1", ['secret-1'])
    await times(20, 'INSERT INTO "public"."messages" VALUES ($1, $1) ON CONFLICT DO NOTHING', ['a'])
    expect(await ask(target)).toMatchObject({ status: 'pass', measured: '0 statements of 2 slow.' })

    await times(3, "SELECT pg_sleep(0.02), 'secret-2' FROM messages")
    await times(3, 'SELECT pg_sleep(0.02) FROM others')
    await times(3, 'SELECT pg_sleep(0.02) AS messages_of_others FROM others')
    // kvmig looks at the table, too.
    for (let n = 0; n < 3; n++)
      await target.transaction((tx) => tx.query('SELECT pg_sleep(0.02), id FROM public.messages'))
    expect((await ask(target, { mean: '10ms' })).status).toBe('pass')
    const found = await ask(target, { mean: '10ms', calls: 3 })
    expect(found).toMatchObject({ status: 'fail', measured: '1 statement of 3 slow.' })
    expect(found.samples).toEqual([expect.stringMatching(/^SELECT -?\d+: 2\d\.\d ms on average, 3 calls$/)])
    expect(JSON.stringify(found)).not.toContain('secret')
    const [row] = await runSql(
      target,
      `SELECT query FROM extensions.pg_stat_statements WHERE queryid = ${found.samples[0]!.split(/[ :]/)[1]}`,
    )
    expect(row!.query).toContain('FROM messages')
  })

  test('says so where the role may not see what others ask', async () => {
    const url = new URL(server.url)
    url.username = 'plain'
    const plain = await openTarget(url.href)
    await runSql(target, 'GRANT USAGE ON SCHEMA extensions TO plain')
    expect(await ask(plain)).toMatchObject({
      status: 'unknown',
      measured: expect.stringContaining('GRANT pg_read_all_stats'),
    })
    await runSql(target, 'GRANT pg_read_all_stats TO plain')
    expect(await ask(plain)).toMatchObject({ status: 'pass' })
    await plain.close()
  })
})

test('slow_statements is not known where the server does not count, and says what is missing', async () => {
  const database = await freshDatabase()
  const target = await openTarget(database.url)
  expect(await ask(target)).toMatchObject({
    status: 'unknown',
    measured: expect.stringMatching(/is not in this database.*extensions: \[pg_stat_statements\]/),
  })
  await runSql(target, 'CREATE EXTENSION pg_stat_statements')
  expect(await ask(target)).toMatchObject({
    status: 'unknown',
    measured: expect.stringMatching(/counts nothing on this server.*shared_preload_libraries/),
  })
  await target.close()
  await database.drop()
})
