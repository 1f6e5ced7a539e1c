import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fate } from '../../src/checks/survey.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { startReplit } from '../setup/replit-server.ts'
import { startUpstash } from '../setup/upstash-server.ts'
import { type Beside, startBeside } from './beside.ts'
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
} as const satisfies Record<string, Fate>

const ROUTES = [
  { from: 'Replit', to: 'Postgres', open: postgres },
  { from: 'Upstash', to: 'Postgres', open: postgres },
  { from: 'Redis', to: 'Postgres', open: postgres },
  { from: 'Redis', to: 'PGlite', open: pglite },
  { from: 'a backup', to: 'Postgres', open: postgres },
  { from: 'a backup', to: 'PGlite', open: pglite },
] as const

describe.each(readCases())('case $name', (it) => {
  let redis: FreshRedis
  let beside: Beside | undefined
  beforeAll(async () => {
    redis = await freshRedis()
    await it.seed(redis.client)
    beside = it.beside && (await startBeside(it.beside))
  })
  afterAll(async () => {
    await redis.stop()
    await beside?.stop()
  })

  const routes = ROUTES.filter(({ from }) =>
    from === 'Replit' ? it.replit !== undefined : from === 'Upstash' ? it.isUpstash : true,
  )
  describe.each(routes)('from $from into $to', ({ from, open }) => {
    let store: Store
    let migrated: Migrated
    let source: { readonly kv: string; readonly variables?: Readonly<Record<string, string>> }
    let server: { stop(): Promise<void> } | undefined
    const run = async () => {
      await store.release()
      const variables = { ...source.variables, ...beside?.variables }
      return migrate({ project: it.project, ...source, variables, database: store.url })
    }

    beforeAll(async () => {
      store = await open()
      if (from === 'Replit') {
        const replit = await startReplit()
        for (const [key, value] of it.replit ?? []) replit.data.set(key, Buffer.from(value))
        server = replit
        source = { kv: 'replit:', variables: { REPLIT_DB_URL: replit.url } }
      } else if (from === 'Upstash') {
        const upstash = await startUpstash(redis.port)
        server = upstash
        const variables = { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token }
        source = { kv: 'upstash:', variables }
      } else source = { kv: from === 'Redis' ? redis.url : `rdb:${await redis.save()}` }
      await store.query(it.ddl)
      migrated = await run()
    })
    afterAll(async () => {
      await server?.stop()
      await store.drop()
    })

    test('gives exactly the expected rows', async () => {
      expect(await differences(store, it)).toEqual([])
    })

    test('quarantines exactly the expected records', () => {
      // An entry that is rejected as a whole stands for its parts.
      const whole = new Set(migrated.quarantine.flatMap(({ key, part }) => (part === '' ? [key] : [])))
      const found = new Set(
        migrated.quarantine.flatMap(({ key, part }) =>
          part === '' || !whole.has(key) ? [`${key} ${part}`] : [],
        ),
      )
      expect([...found].sort()).toEqual(it.rejects.map(({ key, ...part }) => `${key} ${partOf(part)}`).sort())
    })

    test('gives every key its fate', () => {
      const expected = it.keys.map((key) => `${key.key}: ${fateOf(key, it)}`)
      expect([...migrated.fates].map(([key, fate]) => `${key}: ${fate}`).sort()).toEqual(expected.sort())
    })

    test('opens the gate', () => {
      expect(migrated.trouble).toEqual([])
    })

    test('changes nothing when it is run again', async () => {
      const before = await everyRow(store, it)
      const again = await run()
      expect(again).toEqual(migrated)
      expect(await everyRow(store, it)).toEqual(before)
    })
  })
})

/**
 * Two keys that case 01 calls migrated although it expects an element of each among the rejects: by the rules of all cases
 * (`partial`: migrated, some elements rejected) they are partial, and so they are here.
 */
const PARTIAL: Readonly<Record<string, readonly string[]>> = {
  '01-vibe-messages': ['vibe:messages', 'messages:teo'],
}

const fateOf = ({ key, disposition }: Case['keys'][number], { name }: Case): Fate =>
  PARTIAL[name]?.includes(key) ? 'partial' : FATE[disposition]

function partOf({ field, index, member }: Omit<Case['rejects'][number], 'key'>): string {
  if (field !== undefined) return `field:${field}`
  if (index !== undefined) return `index:${index}`
  if (member !== undefined) return `member:${member}`
  return ''
}
