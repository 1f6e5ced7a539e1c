import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STORED_EXAMPLES, type StoredCase } from '../../src/cli/stored-examples.ts'
import type { Entry } from '../../src/sources/source.ts'
import { makeWorld } from '../loading/world.ts'
import { compilePlans } from '../mapping/compiled.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

/** The reasons of the records that were turned away. */
async function quarantined({ plan, entries, before }: StoredCase): Promise<readonly string[]> {
  await database.query(
    'DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS kvmig CASCADE',
  )
  if (before !== undefined) await database.query(before)
  const world = makeWorld({
    plan: `version: 1\nplan: data\n${plan}\n`,
    ...(before === undefined ? {} : { schema: before.slice(0, before.indexOf(';') + 1) }),
    database: database.url,
    entries: await read(entries),
  })
  try {
    await world.apply()
    return (await world.quarantine()).map((it) => it.split(' ')[0]!)
  } finally {
    world.remove()
  }
}

async function read(entries: readonly string[]): Promise<readonly Entry[]> {
  const { project } = await compilePlans(`mappings:
  - { match: 'any:{id}', type: string, into: t, fields: { id: $id } }
tables:
  t: { columns: { id: text }, primary_key: [id] }
examples:
${entries.map((it) => `  - entry: ${it}`).join('\n')}
`)
  return project.plans[0]!.examples.map(({ entry: { key, value } }) => ({
    key,
    value,
    type: value.type,
    expiresAt: null,
    offset: 0,
    more: false,
  }))
}

describe.each(Object.entries(STORED_EXAMPLES).map(([code, example]) => ({ code, ...example })))(
  'kvmig explain $code',
  ({ code, wrong, right }) => {
    test('its wrong example gives that code', async () => {
      expect(new Set(await quarantined(wrong))).toEqual(new Set([code]))
    })
    test('its right example gives none', async () => {
      expect(await quarantined(right)).toEqual([])
    })
  },
)
