import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { APPLY, contents, openShop, SHOP, type Shop, undisturbed } from './shop.ts'

/** What a run that was killed had done is taken back, or changed, before the next one. */

let shop: Shop
let expected: Record<string, unknown>
beforeAll(async () => {
  shop = await openShop()
  expected = await undisturbed(shop)
})
afterAll(() => shop.close())

const PLACES = [
  'backfill.batch-committed:2',
  'backfill.batch-committed:4',
  'backfill.scanned:1',
  'backfill.settled:1',
  'foreign-key.orphans-removed:1',
  'foreign-key.created:1',
]

describe.each(PLACES)('killed at %s', (place) => {
  let killed: FreshDatabase
  beforeAll(async () => {
    killed = await freshDatabase()
    const { signal } = await shop.run(APPLY, killed.url, { KVMIG_FAILPOINT: place })
    expect(signal).toBe('SIGKILL')
  })
  afterAll(() => killed.drop())

  let database: FreshDatabase
  beforeEach(async () => {
    database = await killed.copy()
    return () => database.drop()
  })

  test('rolled back, applied again: the same rows', async () => {
    const back = await shop.run(['rollback', '--yes'], database.url)
    expect([back.code, back.stderr]).toEqual([0, expect.not.stringContaining('kvmig:')])
    const ended = await shop.run(APPLY, database.url)
    expect([ended.code, ended.stderr]).toEqual([0, expect.not.stringContaining('kvmig:')])
    expect(await contents(database)).toEqual(expected)
  })

  test.each([
    [
      'the parent’s table',
      'plans/customers.yaml',
      'primary_key: [id]\n',
      'primary_key: [id]\n    checks: [id > 0]\n',
    ],
    [
      'the child’s table',
      'plans/orders.yaml',
      'primary_key: [id]\n',
      'primary_key: [id]\n    checks: [customer > 0]\n',
    ],
    ['the parent’s mapping', 'plans/customers.yaml', 'name: name, since', 'name: name | trim, since'],
  ])('then edited %s: the rows of a first copy', async (_, file, from, to) => {
    const text = SHOP[file]!
    expect(text).toContain(from)
    const edited = projectFolder({ ...SHOP, [file]: text.replace(from, to) })
    const { code, stderr } = await shop.runIn(edited.path, APPLY, database.url)
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('kvmig:')])
    const rows = await contents(database)
    const { constraints, ...data } = expected
    expect(rows).toMatchObject(data)
    edited.remove()
  })
})
