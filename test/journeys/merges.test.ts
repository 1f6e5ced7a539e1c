import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

/** Killed while it adds records up, and run again: nothing is added twice, and nothing is left out. */

const PLAN = `version: 1
plan: totals
mappings:
  - match: 'day:{_}'
    type: hash
    each: field
    into: totals
    merge: { visits: sum, last: greatest, name: coalesce }
    fields: { id: $field, visits: $value | int, last: $value | int }
  - { match: 'name:{id}', type: string, into: totals, fields: { id: $id, name: $value } }
tables:
  totals:
    columns: { id: text, name: text not null, visits: bigint, last: integer }
    primary_key: [id]
`
const PROJECT = {
  'migrations.yaml': `version: 1\nsources: { kv: "\${KV_URL}" }\ntarget: \${DATABASE_URL}\n`,
  'plans/totals.yaml': PLAN,
}
const DAYS = 7
const NAMES = 40
const expected = Array.from({ length: NAMES }, (_, id) => ({
  id: `u${id}`,
  name: `name ${id}`,
  visits: String(Array.from({ length: DAYS }, (_, day) => day * 100 + id).reduce((a, b) => a + b)),
  last: (DAYS - 1) * 100 + id,
}))

let redis: FreshRedis
let project: { path: string; remove(): void }
beforeAll(async () => {
  redis = await freshRedis()
  for (let day = 0; day < DAYS; day++)
    for (let id = 0; id < NAMES; id++) await redis.client.hset(`day:${day}`, `u${id}`, String(day * 100 + id))
  for (let id = 0; id < NAMES; id++) await redis.client.set(`name:u${id}`, `name ${id}`)
  project = projectFolder(PROJECT)
})
afterAll(async () => {
  project?.remove()
  await redis?.stop()
})

const apply = ['apply', '--phase=A', '--yes', '--batch', '15']
const rowsOf = async (database: FreshDatabase) =>
  (await database.query('SELECT * FROM totals ORDER BY substr(id, 2)::int')).rows

describe.each([
  ['backfill.batch-copied', [1, 4]],
  ['backfill.batch-before-commit', [2, 9]],
  ['backfill.batch-committed', [1, 3]],
  ['backfill.scanned', [1]],
  ['backfill.settled', [1, 2]],
] as const)('killed at %s', (name, passages) => {
  for (const passage of passages)
    test(`passage ${passage}`, async () => {
      const database = await freshDatabase()
      const environment = { KV_URL: redis.url, DATABASE_URL: database.url, KVMIG_LEASE_SECONDS: '0.3' }
      const killed = await ran(project.path, apply, {
        ...environment,
        KVMIG_FAILPOINT: `${name}:${passage}`,
      })
      expect(killed.signal).toBe('SIGKILL')
      const ended = await ran(project.path, apply, environment)
      expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 })
      expect(await rowsOf(database)).toEqual(expected)
      const again = await ran(project.path, [...apply, '--again'], environment)
      expect(again.code).toBe(0)
      expect(await rowsOf(database)).toEqual(expected)
      await database.drop()
    })
})
