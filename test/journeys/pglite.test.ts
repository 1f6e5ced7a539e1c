import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { prepareFolder } from '../setup/pglite.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { startProxy } from '../setup/proxy.ts'
import { APPLY, contents, openShop, type Queryable, type Shop } from './shop.ts'

let shop: Shop
let folder: string
let expected: Record<string, unknown>
beforeAll(async () => {
  shop = await openShop()
  folder = join(shop.project.path, 'pg')
  expected = await dumpOfPostgres()
})
afterAll(() => shop.close())
beforeEach(() => rmSync(folder, { recursive: true, force: true }))

/** What the embedded Postgres holds, once nobody else has it open. */
async function embedded<T>(look: (database: Queryable) => Promise<T>): Promise<T> {
  const target = await openTarget(`pglite:${folder}`)
  try {
    return await look({
      query: async (sql) => ({
        rows: [...(await target.transaction((tx) => tx.query(sql), { searchPath: ['public'] }))],
      }),
    })
  } finally {
    await target.close()
  }
}

/** Every row as text, table by table. */
async function dump(database: Queryable): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const table of ['public.customers', 'public.orders', 'public.lines', 'kvmig.quarantine']) {
    // No columns that say when.
    const { rows } = await database.query(
      `select (to_jsonb(t) - '{first_at,last_at}'::text[])::text as row from ${table} t order by 1`,
    )
    found[table] = rows.map((it) => it.row)
  }
  const { rows } = await database.query(
    `select conname, pg_get_constraintdef(oid) as is, convalidated::text from pg_constraint where contype <> 'n' and connamespace = 'public'::regnamespace order by 1`,
  )
  found.constraints = rows
  const { rows: indexes } = await database.query(
    `select indexdef from pg_indexes where schemaname = 'public' order by 1`,
  )
  found.indexes = indexes
  return found
}

async function dumpOfPostgres(): Promise<Record<string, unknown>> {
  const database = await freshDatabase()
  expect((await shop.run(APPLY, database.url)).code).toBe(0)
  await database.query(`alter database ${database.name} set timezone = 'UTC'`)
  try {
    return await dump(database)
  } finally {
    await database.drop()
  }
}

test('the same plans give the same rows, constraints and quarantine as in Postgres', async () => {
  const ended = await shop.run(APPLY, 'pglite:./pg')
  expect(ended.stderr).not.toContain('kvmig:')
  expect(ended.code).toBe(0)
  expect(await embedded(dump)).toEqual(expected)
})

test.each([
  'backfill.batch-committed:2',
  'backfill.batch-before-commit:3',
  'foreign-key.created:1',
  'table.created:2',
])('killed at %s, and run again: the same', async (place) => {
  await prepareFolder(folder)
  const killed = await shop.run(APPLY, 'pglite:./pg', { KVMIG_FAILPOINT: place })
  expect(killed.signal).toBe('SIGKILL')
  const ended = await shop.run(APPLY, 'pglite:./pg')
  expect(ended.stderr).not.toContain('kvmig:')
  expect(ended.code).toBe(0)
  expect(await embedded(dump)).toEqual(expected)
})

test.each(['B', 'C', 'D'])('phase %s wants a server, and says so before it opens anything', async (phase) => {
  for (const target of ['pglite:./pg', 'pglite:memory']) {
    const { code, stdout, stderr } = await shop.run(['apply', `--phase=${phase}`, '--expect=1'], target)
    expect(stderr).toMatch(
      /^kvmig: TARGET_EMBEDDED {2}The target is an embedded Postgres, which one process at a time has open/m,
    )
    expect(stderr).toContain('name a server: target: postgres://')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  }
})

test('a second process on the same folder is told why it may not, and the first is not disturbed', async () => {
  let goOn = (): void => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  await prepareFolder(folder)
  const store = await startProxy(shop.redis.port)
  const reached = new Promise<void>((resolve) => {
    store.onRequest((bytes) => {
      if (!bytes.includes('MGET')) return
      resolve()
      return held
    })
  })
  const first = shop.start(APPLY, 'pglite:./pg', { KV_URL: `redis://127.0.0.1:${store.port}` })
  await Promise.race([reached, first.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))])
  for (const command of [APPLY, ['status'], ['diff'], ['plan', '--live']]) {
    const second = await shop.run(command, 'pglite:./pg')
    expect({
      code: second.code,
      stdout: second.stdout,
      stderr: second.stderr.replace(folder, 'FOLDER'),
    }).toEqual({
      code: 1,
      stdout: '',
      stderr: `kvmig: PGLITE_LOCKED  Another process has the embedded Postgres in FOLDER open.\n       Wait until it has ended, or end it: two at a time would lose data.\n`,
    })
  }
  goOn()
  expect((await first.ended).code).toBe(0)
  expect(await embedded(contents)).toMatchObject({ orders: { rows: expect.anything() } })
  await store.close()
})
