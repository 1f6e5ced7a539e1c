import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Ended } from '../setup/cli.ts'
import { startPgBouncer } from '../setup/pgbouncer.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { APPLY, contents, openShop, type Shop } from './shop.ts'

let shop: Shop
beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop.close())

let direct: FreshDatabase
let pooled: FreshDatabase
let pooler: string
beforeEach(async () => {
  direct = await freshDatabase()
  pooled = await freshDatabase()
  const bouncer = await startPgBouncer(pooled.url)
  pooler = bouncer.url
  return async () => {
    await bouncer.stop()
    await direct.drop()
    await pooled.drop()
  }
})

test('through PgBouncer in transaction mode every command says and leaves the same as directly', async () => {
  const commands: readonly (readonly string[])[] = [
    APPLY,
    APPLY,
    [...APPLY, '--again'],
    ['check'],
    ['diff'],
    ['trace', 'order:2u'],
    ['status'],
    ['retry'],
  ]
  for (const command of commands) {
    const [one, other] = await Promise.all([shop.run(command, direct.url), shop.run(command, pooler)])
    expect(comparable(other)).toEqual(comparable(one))
    expect(one.code).toBe(0)
    expect(await contents(pooled)).toEqual(await contents(direct))
  }
  const back = await shop.run(['rollback', '--yes'], pooler)
  expect(back.code).toBe(0)
  const { rows } = await pooled.query(
    "select relname from pg_class where relnamespace = 'public'::regnamespace",
  )
  expect(rows).toEqual([])
  expect((await shop.run(APPLY, pooler)).code).toBe(0)
  expect(await contents(pooled)).toEqual(await contents(direct))
})

/** Without addresses and times, and without the order of what ran side by side. */
function comparable({ code, stdout }: Ended): unknown {
  const lines = stdout
    .replace(/postgres:\S+/g, 'TARGET')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/ +\d+(\.\d+)? (ms|s|min)\b/g, ' FOR')
    .replace(/ +/g, ' ')
    .split('\n')
  return { code, lines: lines.toSorted() }
}
