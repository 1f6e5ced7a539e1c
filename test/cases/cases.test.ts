import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fate } from '../../src/checks/survey.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { type Case, readCases } from './case.ts'
import { differences, everyRow } from './compare.ts'
import { type Migrated, migrate } from './migrate.ts'
import { pglite, postgres, type Store } from './stores.ts'

const FATE = {
  migrate: 'migrated',
  partial: 'partial',
  reject: 'quarantined',
  index: 'index',
  ephemeral: 'ephemeral',
  ignore: 'ignored',
  uncovered: 'uncovered',
} as const satisfies Record<string, Fate>

const ROUTES = [
  { from: 'Redis', to: 'Postgres', open: postgres },
  { from: 'a backup', to: 'Postgres', open: postgres },
  { from: 'a backup', to: 'PGlite', open: pglite },
] as const

describe.each(readCases())('case $name', (it) => {
  let redis: FreshRedis
  beforeAll(async () => {
    redis = await freshRedis()
    await it.seed(redis.client)
  })
  afterAll(() => redis.stop())

  describe.each(ROUTES)('from $from into $to', ({ from, open }) => {
    let store: Store
    let migrated: Migrated
    const run = async () =>
      migrate({
        project: it.project,
        kv: from === 'Redis' ? redis.url : `rdb:${await redis.save()}`,
        database: store.url,
      })

    beforeAll(async () => {
      store = await open()
      await store.query(it.ddl)
      migrated = await run()
    })
    afterAll(() => store.drop())

    test('gives exactly the expected rows', async () => {
      expect(await differences(store, it)).toEqual([])
    })

    test('quarantines exactly the expected records', () => {
      const found = new Set(migrated.quarantine.map(({ key, part }) => `${key} ${part}`))
      expect([...found].sort()).toEqual(it.rejects.map(({ key, ...part }) => `${key} ${partOf(part)}`).sort())
    })

    test('gives every key its fate', () => {
      const expected = it.keys.map((key) => `${key.key}: ${fateOf(key, it)}`)
      expect([...migrated.fates].map(([key, fate]) => `${key}: ${fate}`).sort()).toEqual(expected.sort())
    })

    test('opens the gate, unless nobody speaks for a key', () => {
      const uncovered = it.keys.filter(({ disposition }) => disposition === 'uncovered')
      const coverage = new RegExp(`coverage fail: .*${uncovered.map(({ key }) => key).join('.*')}`)
      expect(migrated.trouble.filter((trouble) => uncovered.length === 0 || !coverage.test(trouble))).toEqual(
        [],
      )
      expect(migrated.trouble.length > 0).toBe(uncovered.length > 0)
    })

    test('changes nothing when it is run again', async () => {
      const before = await everyRow(store, it)
      const again = await run()
      expect(again).toEqual(migrated)
      expect(await everyRow(store, it)).toEqual(before)
    })
  })
})

/** A key of which only an element is rejected is partial, whether the case says so or not. */
function fateOf({ key, disposition }: Case['keys'][number], { rejects }: Case): Fate {
  const isCut = rejects.some((it) => it.key === key && partOf(it) !== '')
  return disposition === 'migrate' && isCut ? 'partial' : FATE[disposition]
}

function partOf({ field, index, member }: Omit<Case['rejects'][number], 'key'>): string {
  if (field !== undefined) return `field:${field}`
  if (index !== undefined) return `index:${index}`
  if (member !== undefined) return `member:${member}`
  return ''
}
