import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { expiringHash, hash } from '../sources/entries.ts'
import { applied, makeWorld } from './world.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

const LATER = 4_000_000_000_000
const PLAN = `version: 1
plan: data
mappings:
  - match: tokens
    each: field
    into: tokens
    fields: { id: $field, v: $value, until: $field_expires_at }
  - { match: 'user:{id}', type: hash, into: users, fields: { id: $id, name: name } }
tables:
  tokens: { columns: { id: text, v: text, until: timestamptz }, primary_key: [id] }
  users: { columns: { id: text, name: text }, primary_key: [id] }
`

test('fields of a hash that expire by themselves: with their time, not at all once it is over, and never without a word', async () => {
  const world = makeWorld({
    plan: PLAN,
    database: database.url,
    entries: [
      expiringHash('tokens', [
        ['kept', 'x', null],
        ['timed', 'y', LATER],
        ['over', 'z', 1_000_000_000_000],
      ]),
      expiringHash('user:1', [
        ['name', 'Ann', LATER],
        ['gone', 'z', 1_000_000_000_000],
      ]),
      hash('user:2', ['name', 'Bo']),
    ],
  })
  try {
    await applied(world)
    expect(
      await world.rows("SELECT id, v, until::timestamptz(0) AT TIME ZONE 'UTC' FROM tokens ORDER BY id"),
    ).toEqual(['kept x null', 'timed y 2096-10-02 07:06:40'])
    const { surveys, differences } = await world.survey()
    expect(differences).toEqual([])
    const told = surveys.flatMap((it) => [...it.plans.values()]).flatMap((it) => it.mappings)
    expect(
      told.map(({ mapping, unmapped }) => [mapping, unmapped.map((it) => `${it.field} ${it.records}`)]),
    ).toEqual([
      ['tokens', []],
      ['users', ['$field_expires_at 1']],
    ])
  } finally {
    world.remove()
  }
})
