import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { string } from '../sources/entries.ts'
import { applied, emptied, makeWorld, type World } from './world.ts'

let database: FreshDatabase
let world: World
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await emptied(database)
  return () => world?.remove()
})

const plan = (more = '') => `version: 1
plan: data
mappings:
  - { match: 'n:{id:int}', type: string, into: numbers, ${more} fields: { id: $id, value: $value | int } }
tables:
  numbers: { columns: { id: integer, value: integer not null }, primary_key: [id], checks: [value >= 0] }
`
const entries = (count: number, value: (id: number) => number): Entry[] =>
  Array.from({ length: count }, (_, id) => string(`n:${id}`, String(value(id))))

const countsOf = (result: Awaited<ReturnType<World['apply']>>) =>
  result.steps.find((it) => it.step.kind === 'backfill')!.counts

describe('a row that the table refuses', () => {
  test('may want a partition that is not there, and is told so', async () => {
    world = makeWorld({
      plan: plan().replace('checks: [value >= 0]', "partition_by: 'range (id)'"),
      database: database.url,
      entries: entries(3, (id) => id),
    })
    expect(countsOf(await world.apply())).toMatchObject({ inserted: 0, rejected: 3 })
    expect(await world.rows('select distinct message from kvmig.quarantine')).toEqual([
      'numbers has no partition that takes this row (SQLSTATE 23514). Make one, then kvmig retry.',
    ])
  })

  test('is the only one that is left out, wherever it stands in its batch', async () => {
    // Twelve batches of twelve, with the bad row at another place in each.
    world = makeWorld({
      plan: plan(),
      database: database.url,
      entries: entries(144, (id) => (Math.floor(id / 12) === id % 12 ? -1 : id)),
      batchRows: 12,
    })
    const result = await applied(world)
    expect(countsOf(result)).toMatchObject({ inserted: 132, rejected: 12 })
    const bad = Array.from({ length: 12 }, (_, it) => `CONSTRAINT n:${it * 13}`)
    expect(await world.quarantine()).toEqual(bad.sort())
    expect(await world.rows('select count(*), min(value) from numbers')).toEqual(['132 1'])
  })

  test('does not sink the twenty thousand around it', async () => {
    world = makeWorld({
      plan: plan(),
      database: database.url,
      entries: entries(20_000, (id) => (id === 12_345 ? -1 : id)),
      batchRows: 20_000,
    })
    const result = await world.apply()
    expect(countsOf(result)).toMatchObject({ inserted: 19_999, rejected: 1 })
    expect(await world.quarantine()).toEqual(['CONSTRAINT n:12345'])
  })

  test('may be any of them: then all are quarantined', async () => {
    world = makeWorld({
      plan: plan(),
      database: database.url,
      entries: entries(2_000, () => -1),
      batchRows: 1_000,
    })
    const result = await applied(world)
    expect(countsOf(result)).toMatchObject({ inserted: 0, rejected: 2_000 })
    expect(await world.rows('select count(*) from numbers')).toEqual(['0'])
  })

  test('says which constraint it breaks, and nothing of its values', async () => {
    world = makeWorld({ plan: plan(), database: database.url, entries: entries(3, (id) => id - 4711) })
    await applied(world)
    expect(await world.rows('select message from kvmig.quarantine')).toEqual(
      Array(3).fill('numbers refused the row: SQLSTATE 23514 (constraint numbers_value_check).'),
    )
    expect(
      await world.rows('select count(*) from kvmig.quarantine where bytes is null and length(digest) = 2'),
    ).toEqual(['3'])
  })
})

describe('a limit of rejects', () => {
  test('lets a step fail beyond it, and what was copied stays', async () => {
    world = makeWorld({
      plan: plan('reject: { limit: 10% },'),
      database: database.url,
      entries: entries(100, (id) => (id < 11 ? -1 : id)),
      batchRows: 30,
    })
    const result = await world.apply()
    const step = result.steps.find((it) => it.step.kind === 'backfill')!
    expect(result.outcome).toBe('failed')
    expect(step.error).toMatchObject({ code: 'REJECT_LIMIT', message: expect.stringContaining('11 of 100') })
    expect(await world.rows('select count(*) from numbers')).toEqual(['89'])
    expect(await world.rows(`select state from kvmig.step where kind = 'backfill'`)).toEqual(['failed'])
    // Once the data are mended the same copy passes, and steps behind it are done.
    world.entries = entries(100, (id) => id)
    expect((await applied(world)).outcome).toBe('done')
    expect(await world.quarantine()).toEqual([])
  })

  test('is about the whole copy, not about what is retried', async () => {
    world = makeWorld({
      plan: plan('reject: { limit: 10% },'),
      database: database.url,
      entries: entries(100, (id) => (id < 5 ? -1 : id)),
      batchRows: 30,
    })
    expect((await applied(world)).outcome).toBe('closed')
    world.entries = entries(100, (id) => (id < 4 ? -1 : id))
    const [retried] = await world.retry()
    expect(retried).toMatchObject({ keys: 5, counts: { inserted: 1, rejected: 4 } })
    expect(
      await world.rows(
        `select state, outcome->'counts'->>'inserted' as a, outcome->'counts'->>'rejected' as b from kvmig.step where kind = 'backfill'`,
      ),
    ).toEqual(['done 96 4'])
  })
})

test('more records than one look at the quarantine are retried', async () => {
  world = makeWorld({ plan: plan(), database: database.url, entries: entries(250, () => -1) })
  await applied(world)
  world.entries = entries(250, (id) => id)
  await world.retry()
  expect((await applied(world)).outcome).toBe('done')
  expect(await world.rows('select count(*) from numbers')).toEqual(['250'])
})

test('a record that was accepted stays accepted while nothing about it changes, and leaves with its key', async () => {
  const accepting = `${plan()}accept: [{ code: NOT_AN_INTEGER, match: 'n:{_}', because: test data }]\n`
  world = makeWorld({
    plan: accepting,
    database: database.url,
    entries: [string('n:1', 'x'), string('n:2', 'y'), string('n:3', '3')],
  })
  await applied(world)
  await world.inSession(({ session }) =>
    session.target.transaction((tx) =>
      session.ledger.quarantine.accept(tx, { plan: 'data', key: Buffer.from('n:1') }, 'known'),
    ),
  )
  world.entries = [string('n:1', 'x'), string('n:3', '3')]
  expect((await applied(world, { again: true })).outcome).toBe('done')
  expect(
    await world.rows(`select convert_from(key, 'UTF8'), accepted, attempts from kvmig.quarantine`),
  ).toEqual(['n:1 known 2'])
})
