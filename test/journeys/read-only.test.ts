import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { APPLY, openShop, type Shop } from './shop.ts'

let shop: Shop
let database: FreshDatabase
let reader: string
const role = `r_readonly_${process.pid}`
beforeAll(async () => {
  shop = await openShop()
  database = await freshDatabase()
  const address = new URL(database.url)
  address.username = role
  reader = address.href
  await database.query(`create role ${role} login`)
})
afterAll(async () => {
  await database.query(`drop owned by ${role}; drop role ${role}`)
  await database.drop()
  await shop.close()
})

/** Every row of this database with the transaction that wrote it, and every object: whatever is written shows. */
async function everything(): Promise<unknown> {
  const { rows: tables } = await database.query(
    `select c.oid::regclass::text as name from pg_class c where c.relkind = 'r' and not c.relisshared and c.relnamespace::regnamespace::text in ('public', 'kvmig', 'pg_catalog')
       and c.oid::regclass::text <> 'pg_statistic' order by 1`,
  )
  const found: Record<string, unknown> = {}
  for (const { name } of tables) {
    const { rows } = await database.query(
      `select count(*)::int as rows, md5(string_agg(t.ctid::text || t.xmin::text || t.xmax::text, ',' order by t.ctid)) as written from ${name} t`,
    )
    found[name] = rows[0]
  }
  return found
}

/**
 * Without the one thing that a reader is told besides, and without what changes by itself: the forecast of commands hangs on the size of
 * SCAN's pages, and the database grows when Postgres tidies up.
 */
const comparable = (stdout: string): string =>
  stdout
    .replace(/^KV202 .*\n\n?/m, '')
    .replace(/[\d,]+ commands/, 'commands')
    .replace(/storage [\d.]+ [kM]B now/, 'storage now')

const LOOKING: readonly (readonly string[])[] = [
  ['plan', '--live'],
  ['plan', '--live', '--detailed-exitcode'],
  ['status'],
  ['check'],
  ['diff'],
  ['trace', 'order:2u'],
]

test.each(['before anything was applied', 'after it was applied'])(
  'a role that may only SELECT can look, %s, and changes nothing',
  async (when) => {
    const applied = when.startsWith('after')
    if (applied) {
      expect((await shop.run(APPLY, database.url)).code).toBe(0)
      await database.query(
        `grant usage on schema kvmig, public to ${role}; grant select on all tables in schema kvmig, public to ${role}`,
      )
      await database.query(`alter role ${role} set default_transaction_read_only = on`)
    }
    const before = await everything()
    for (const command of LOOKING) {
      const [own, readers] = await Promise.all([shop.run(command, database.url), shop.run(command, reader)])
      expect(await everything()).toEqual(before)
      expect({ command, stderr: readers.stderr }).toEqual({ command, stderr: own.stderr })
      expect({ command, code: readers.code, stdout: comparable(readers.stdout) }).toEqual({
        command,
        code: own.code,
        stdout: comparable(own.stdout),
      })
      if (applied) expect({ command, code: own.code }).toEqual({ command, code: 0 })
    }
  },
)

test('and what it may not do is said, and left undone', async () => {
  const before = await everything()
  for (const command of [
    APPLY,
    ['rollback', '--yes'],
    ['retry'],
    ['accept', 'orders', '--because', 'x'],
    ['uninstall', '--yes'],
  ]) {
    const ended = await shop.run(command, reader)
    expect({ command, code: ended.code, stderr: ended.stderr }).toEqual({
      command,
      code: 1,
      stderr: expect.stringMatching(/^(orders {5}|- .*\n|.*goes.*\n|\s)*kvmig: (READ_ONLY|PERMISSION) {2}\S/),
    })
    expect(await everything()).toEqual(before)
  }
})
