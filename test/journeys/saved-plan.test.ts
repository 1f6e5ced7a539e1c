import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { APPLY, contents, openShop, SHOP, type Shop, undisturbed } from './shop.ts'

let reference: Shop
let expected: Record<string, unknown>
beforeAll(async () => {
  reference = await openShop()
  expected = await undisturbed(reference)
})
afterAll(() => reference.close())

let shop: Shop
let database: FreshDatabase
beforeEach(async () => {
  shop = await openShop()
  database = await freshDatabase()
  return async () => {
    await shop.close()
    await database.drop()
  }
})

const plan = (file = 'next.plan', target = database.url) => shop.run(['plan', '--out', file], target)
const apply = (file = 'next.plan', target = database.url) =>
  shop.run(['apply', '--phase=A', '--yes', '--batch', '300', file], target)
const refused = async (why: RegExp) => {
  const before = await contents(database).catch(() => undefined)
  const ended = await apply()
  expect(ended.stderr).toMatch(why)
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 6, stdout: '' })
  expect(await contents(database).catch(() => undefined)).toEqual(before)
}

test('is applied as it was reviewed, once', async () => {
  const planned = await plan()
  expect(planned.code).toBe(0)
  expect(planned.stdout).toContain('next.plan')
  const { rows } = await database.query(
    `select count(*)::int as schemas from pg_namespace where nspname = 'kvmig'`,
  )
  expect(rows).toEqual([{ schemas: 0 }])
  expect((await apply()).code).toBe(0)
  expect(await contents(database)).toEqual(expected)
  await refused(/^kvmig: PLAN_(STALE|USED) {2}.+\n {7}Make a new one/)
})

test('used twice while nothing else changed says that it was used', async () => {
  expect((await shop.run(APPLY, database.url)).code).toBe(0)
  await plan()
  expect((await apply()).code).toBe(0)
  await refused(
    /^kvmig: PLAN_USED {2}This saved plan was applied before\.\n {7}Make a new one: kvmig plan --out FILE\.\n$/,
  )
})

test('is stale after a plan was edited, and says which file', async () => {
  await plan()
  appendFileSync(join(shop.project.path, 'plans/orders.yaml'), '# looked at again\n')
  await refused(
    /^kvmig: PLAN_STALE {2}next\.plan does not fit any more: .*plans\/orders\.yaml.*\n {7}Make a new one/,
  )
})

test('is stale after another apply changed the target, and says so', async () => {
  await plan()
  expect((await shop.run([...APPLY, 'customers'], database.url)).code).toBe(0)
  await refused(/^kvmig: PLAN_STALE {2}next\.plan does not fit any more: .*target.*\n {7}Make a new one/)
})

test('is bound to its target: another one that differs refuses it', async () => {
  await plan()
  const other = await freshDatabase()
  expect((await shop.run([...APPLY, 'customers'], other.url)).code).toBe(0)
  const ended = await apply('next.plan', other.url)
  expect(ended.stderr).toContain('PLAN_STALE')
  expect(ended.code).toBe(6)
  await other.drop()
})

test('holds names and digests, and neither addresses nor values', async () => {
  const address = new URL(database.url)
  address.password = 'canary'
  await plan('next.plan', address.href)
  const text = readFileSync(join(shop.project.path, 'next.plan'), 'utf8')
  const saved = JSON.parse(text)
  expect(Object.keys(saved.files).toSorted()).toEqual(Object.keys(SHOP).toSorted())
  for (const digest of Object.values(saved.files)) expect(digest).toMatch(/^[0-9a-f]{64}$/)
  for (const word of ['canary', '127.0.0.1', database.name, 'redis:', 'postgres:', 'Ann'])
    expect(text).not.toContain(word)
})

test('that was tampered with is refused', async () => {
  await plan()
  const file = join(shop.project.path, 'next.plan')
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('"orders/A/backfill/orders"', '"orders/A/backfill/other"'),
  )
  const ended = await apply()
  expect(ended.code).not.toBe(0)
  expect(ended.stderr).toMatch(/next\.plan/)
})
