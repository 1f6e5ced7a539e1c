import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { string } from '../sources/entries.ts'
import { ordersOf } from './shuffle.ts'
import { applied, emptied, makeWorld, type World } from './world.ts'

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

const user = (id: string, email: string | null, team = 1): Entry =>
  string(`user:${id}`, JSON.stringify({ email, team }))
const plan = (table: string, id = '$id') => `version: 1
plan: data
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, conflict: newest(team), fields: { id: ${id}, email: email, team: team } }
tables:
  users: { columns: { id: text, email: text, team: integer }, primary_key: [id], ${table} }
`
const entries = [
  ...[user('a1', 'x'), user('a2', 'x'), user('a3', 'x')],
  ...[user('b1', 'y'), user('b2', 'Y'), user('b3', 'y', 2)],
  ...[user('c1', null), user('c2', null), user('c3', 'z'), user('d', 'w', 9), user('e', 'w', 9)],
]

describe('of records that want a value which the table allows once, the first by its key has the row', () => {
  test.each([
    ['by a constraint that is there from the start', 'unique: [[email]]', ['a2', 'a3', 'b3', 'e']],
    ['by a constraint over several columns', 'unique: [[email, team]]', ['a2', 'a3', 'e']],
    [
      'by an index that comes after the copy',
      'indexes: { users_email: { columns: [email], unique: true } }',
      ['a2', 'a3', 'b3', 'e'],
    ],
    [
      'by an index over an expression',
      "indexes: { users_email: { columns: ['lower(email) DESC'], unique: true } }",
      ['a2', 'a3', 'b2', 'b3', 'e'],
    ],
    [
      'by an index over a part of the rows',
      'indexes: { users_email: { columns: [email], unique: true, where: team < 5 } }',
      ['a2', 'a3', 'b3'],
    ],
  ])('%s', async (_, table, lost) => {
    const expected = lost.map((it) => `UNIQUE_VIOLATION user:${it}`)
    for (const [place, order] of ordersOf(entries, 3).entries()) {
      await emptied(database)
      // With origins, and where they can be computed.
      const id = place === 1 ? '$id' : '$id | lower'
      world = makeWorld({
        plan: plan(table, id),
        database: database.url,
        entries: order,
        batchRows: [100, 2, 3][place]!,
      })
      await applied(world)
      expect(await world.quarantine()).toEqual(expected)
      if (place === 0) await world.retry()
      else await applied(world, { again: true })
      expect(await world.quarantine()).toEqual(expected)
      world.remove()
    }
  })
})

test('nobody has to leave for a record that the table does not take anyway', async () => {
  const checked = plan('unique: [[email]], checks: [team < 10]')
  const rivals = [user('a', 'x', 99), user('b', 'x'), user('c', 'y'), user('d', 'y'), user('e', 'z', 99)]
  for (const order of ordersOf(rivals, 4)) {
    await emptied(database)
    world = makeWorld({ plan: checked, database: database.url, entries: order, batchRows: 2 })
    const { steps } = await applied(world)
    expect(await world.rows('select id from users order by id')).toEqual(['b', 'c'])
    expect(await world.quarantine()).toEqual([
      'CONSTRAINT user:a',
      'CONSTRAINT user:e',
      'UNIQUE_VIOLATION user:d',
    ])
    const counts = steps.find((it) => it.step.kind === 'backfill')!.counts
    expect(counts).toMatchObject({ inserted: 2, rejected: 3 })
    world.remove()
  }
})

test('a row that lost is there when the first is gone', async () => {
  world = makeWorld({ plan: plan('unique: [[email]]'), database: database.url, entries, batchRows: 3 })
  await applied(world)
  await world.execute("delete from users where id = 'a1'")
  world.entries = entries.slice(1)
  await world.retry()
  expect(await world.quarantine()).toEqual([
    'UNIQUE_VIOLATION user:a3',
    'UNIQUE_VIOLATION user:b3',
    'UNIQUE_VIOLATION user:e',
  ])
  expect(await world.rows("select id from users where email = 'x'")).toEqual(['a2'])
})

test('what had given way to a record that lost is quarantined with it', async () => {
  // u2 is two keys, of which one gave way to the other; u1 has the address before both.
  const rivals = [user('u1', 'x', 1), user('u2', 'x', 5), user('U2', 'other', 3)]
  for (const table of ['unique: [[email]]', 'indexes: { users_email: { columns: [email], unique: true } }']) {
    await emptied(database)
    world = makeWorld({
      plan: plan(table, '$id | lower'),
      database: database.url,
      entries: rivals.toReversed(),
      batchRows: 1,
    })
    await applied(world)
    expect(await world.rows('select id, email from users order by id')).toContain('u1 x')
    world.remove()
  }
})

test('rows that others refer to are not taken out behind their backs', async () => {
  const children =
    `${plan('indexes: {}')}  orders: { columns: { id: text, email: text }, primary_key: [id], references: [{ columns: [email], to: users(email), on_delete: cascade }] }
`
      .replace('indexes: {}', 'unique: [[email]]')
      .replace(
        'tables:',
        "  - { match: 'order:{id}', type: string, into: orders, fields: { id: $id, email: $value } }\ntables:",
      )
  world = makeWorld({
    plan: children,
    database: database.url,
    entries: [user('b', 'x'), string('order:1', 'x')],
  })
  await applied(world)
  // A record that comes before the one that has the address, when orders refer to it by a foreign key that is there.
  world.entries = [user('a', 'x'), user('b', 'x'), string('order:1', 'x')]
  await applied(world, { again: true })
  expect(await world.rows('select id, email from users')).toEqual(['a x'])
  expect(await world.rows('select * from orders')).toEqual(['1 x'])
})
