import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { contents, fillShop, ORDERS, SHOP } from '../journeys/shop.ts'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { type Harness, openProject } from './harness.ts'

let redis: FreshRedis
let project: { path: string; remove(): void }
let database: FreshDatabase
let harness: Harness

beforeAll(async () => {
  redis = await freshRedis()
  await fillShop(redis.client)
})
beforeEach(async () => {
  project = projectFolder(SHOP)
  database = await freshDatabase()
  harness = await openProject(project.path, { KV_URL: redis.url, DATABASE_URL: database.url })
  return async () => {
    await harness.close()
    await database.drop()
    project.remove()
  }
})
afterAll(() => redis.stop())

test('every record becomes a row or is quarantined, orphans after the copy, and the gate opens', async () => {
  const applied = await harness.apply()
  const errors = applied.steps.filter((it) => it.error).map((it) => `${it.step.id}: ${it.error}`)
  expect(errors).toEqual([])
  for (const findings of applied.findings.values()) {
    expect(findings.filter((it) => it.status !== 'pass')).toEqual([])
  }
  expect(applied.outcome).toBe('done')
  const rejected = Math.ceil(ORDERS / 97)
  const { rows } = await database.query(
    `select (select count(*)::int from orders) as orders, (select count(*)::int from kvmig.quarantine where code = 'ORPHAN') as orphans, (select count(*)::int from kvmig.quarantine where code = 'TYPE_MISMATCH') as mismatches`,
  )
  expect(rows[0].orders + rows[0].orphans + rows[0].mismatches).toBe(ORDERS)
  expect(rows[0].mismatches).toBe(rejected)
})

test('a second run does nothing, and asks the gate again', async () => {
  await harness.apply()
  const before = await contents(database)
  const again = await harness.apply()
  expect(again.steps.filter((it) => it.status !== 'was done').map((it) => it.status)).toEqual([
    'opened',
    'opened',
  ])
  expect(await contents(database)).toEqual(before)
})

test('copying again over unchanged data changes no row', async () => {
  await harness.apply()
  const before = await contents(database)
  const xmin = await database.query('select max(xmin::text::bigint) as x from orders')
  const again = await harness.apply({ again: true })
  expect(again.outcome).toBe('done')
  expect(await contents(database)).toEqual(before)
  expect((await database.query('select max(xmin::text::bigint) as x from orders')).rows).toEqual(xmin.rows)
})

test('rollback leaves nothing but the empty ledger, and phase A can be applied anew', async () => {
  await harness.apply()
  const before = await contents(database)
  await harness.rollback()
  const { rows } = await database.query(
    "select count(*)::int as n from pg_tables where schemaname = 'public'",
  )
  expect(rows).toEqual([{ n: 0 }])
  await harness.apply()
  expect(await contents(database)).toEqual(before)
})
