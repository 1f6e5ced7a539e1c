import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { LAYOUTS } from './small-layouts.ts'
import { applied, emptied, makeWorld, type World } from './world.ts'

/** Layouts of the families of the cases, and none of the cases: what they need has to be in the language. */
let database: FreshDatabase
let world: World
beforeAll(async () => {
  database = await freshDatabase()
  await database.query(`ALTER DATABASE ${database.name} SET timezone = 'Asia/Kathmandu'`)
})
afterAll(() => database.drop())
beforeEach(() => emptied(database))
afterEach(() => world.remove())

describe.each(LAYOUTS)('$name', ({ plan, entries, rows, quarantine = [], fates = {} }) => {
  test('gives these rows, and says what became of every key', async () => {
    world = makeWorld({ database: database.url, entries, plan: `version: 1\nplan: data\n${plan}` })
    await applied(world)
    const found: Record<string, readonly string[]> = {}
    for (const sql of Object.keys(rows)) found[sql] = await world.rows(sql)
    expect(found).toEqual(rows)
    expect(await world.quarantine()).toEqual([...quarantine].sort())
    const survey = await world.survey()
    expect(survey.differences).toEqual([])
    const others = Object.entries(survey.fates).filter(([, fate]) => fate !== 'migrated')
    expect(Object.fromEntries(others)).toEqual(fates)
    expect(Object.keys(survey.fates).sort()).toEqual(entries.map((it) => it.key.toString()).sort())
  })
})
