import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { string } from '../sources/entries.ts'
import { applied, emptied, makeWorld, type World } from './world.ts'

/**
 * A second run reads the rows that are there once, instead of looking each of them up. Whatever changed meanwhile, on either side, or while
 * the source is being read, ends up as it would have without that.
 */
const planWith = (more: string): string => `version: 1
plan: data
mappings:
  - { match: 'room:{room}:{seat:int}', type: string, decode: json, into: seats, key: [room, seat], fields: { room: $room, seat: $seat, guest: guest, mail: mail } }
tables:
  seats: { columns: { room: text, seat: integer, guest: text, mail: text }, primary_key: [room, seat]${more} }
`
const seat = (number: number, value: unknown): Entry =>
  string(`room:r${number % 7}:${number}`, JSON.stringify(value))
const guests = Array.from({ length: 200 }, (_, it) =>
  seat(it, { guest: `g${it}`, mail: it % 3 ? `m${it}` : null }),
)

let database: FreshDatabase
let world: World | undefined
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await emptied(database)
  return () => world?.remove()
})

async function secondRun(entries: readonly Entry[]): Promise<Readonly<Record<string, number>>> {
  world!.entries = entries
  const { steps } = await world!.apply({ again: true })
  return steps.find(({ step }) => step.kind === 'backfill')!.counts!
}

const guestOf = async (number: number): Promise<readonly string[]> =>
  world!.rows(`SELECT guest FROM seats WHERE seat = ${number}`)

test('a second run writes what changed, and nothing else', async () => {
  world = makeWorld({ plan: planWith(''), database: database.url, entries: guests, batchRows: 10 })
  await applied(world)
  await world.execute(
    `UPDATE seats SET guest = 'by hand' WHERE seat = 150; DELETE FROM seats WHERE seat = 151`,
  )
  const before = await world.rows('SELECT xmin FROM seats WHERE seat = 152')
  const changed = guests.map((it, at) => (at % 50 === 49 ? seat(at, { guest: 'other', mail: null }) : it))
  const counts = await secondRun([...changed, seat(999, { guest: 'new', mail: null })])
  expect(counts).toMatchObject({
    keys: 201,
    inserted: 2,
    updated: 5,
    unchanged: 194,
    rejected: 0,
    duplicate: 0,
  })
  expect(await guestOf(150)).toEqual(['g150'])
  expect(await world.rows('SELECT xmin FROM seats WHERE seat = 152')).toEqual(before)
  expect((await world.survey()).differences).toEqual([])
})

test('a value that changes and changes back while it is read stays as it was read last', async () => {
  world = makeWorld({ plan: planWith(''), database: database.url, entries: guests, batchRows: 10 })
  await applied(world)
  const flips = [seat(60, { guest: 'other', mail: null }), ...guests.slice(61, 120), guests[60]!]
  await secondRun([...guests.slice(0, 60), ...flips, ...guests.slice(120)])
  expect(await guestOf(60)).toEqual(['g60'])
  await secondRun([...guests.slice(0, 60), ...flips.slice(0, 2), guests[60]!, ...guests.slice(62)])
  expect(await guestOf(60)).toEqual(['g60'])
  world.entries = guests
  expect((await world.survey()).differences).toEqual([])
})

test('a row that has to leave for another one is missed when its record comes', async () => {
  world = makeWorld({
    plan: planWith(', unique: [[mail]]'),
    database: database.url,
    entries: guests,
    batchRows: 10,
  })
  await applied(world)
  // The first record takes the value of a later one, which is read after that.
  const thief = seat(1, { guest: 'thief', mail: 'm100' })
  const counts = await secondRun([guests[0]!, ...guests.slice(2, 40), thief, ...guests.slice(40)])
  expect(await world.quarantine()).toEqual(['UNIQUE_VIOLATION room:r2:100'])
  expect(await guestOf(100)).toEqual([])
  expect(counts.unchanged).toBe(198)
})

test('a key that had gone wrong and is right again is not in quarantine any more', async () => {
  const bad = string('room:r5:5', '{"guest": 5}')
  world = makeWorld({ plan: planWith(''), database: database.url, entries: guests, batchRows: 10 })
  await applied(world)
  expect(await secondRun(guests.with(5, bad))).toMatchObject({ unchanged: 199, rejected: 1 })
  expect(await world.quarantine()).toEqual(['TYPE_MISMATCH room:r5:5'])
  expect(await secondRun(guests)).toMatchObject({ unchanged: 200, rejected: 0 })
  expect(await world.quarantine()).toEqual([])
})
