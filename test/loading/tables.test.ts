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

const json = (key: string, value: unknown): Entry => string(key, JSON.stringify(value))

/** The application made its tables, and rows of its own, before kvmig came. */
async function application(
  schema: string,
  rows: string,
  plan: string,
  entries: readonly Entry[],
  batchRows = 3,
): Promise<World> {
  world?.remove()
  await emptied(database)
  await database.query(schema)
  if (rows) await database.query(rows)
  world = makeWorld({ plan, schema, database: database.url, entries, batchRows })
  return world
}

describe('rows that were there before', () => {
  const schema = "create table users (id text primary key, name text, note text default 'own');"
  const plan = (more: string) => `version: 1
plan: data
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, ${more} fields: { id: $id, name: n } }
`
  const before =
    "insert into users values ('a', 'same', 'theirs'), ('b', 'another', 'theirs'), ('z', 'unrelated', 'theirs')"
  const entries = [
    json('user:a', { n: 'same' }),
    json('user:b', { n: 'ours' }),
    json('user:c', { n: 'new' }),
    json('user:d', { n: 'newer' }),
  ]

  test('stay as they were, and an equal record is simply there', async () => {
    for (const order of ordersOf(entries, 3)) {
      const world = await application(schema, before, plan(''), order)
      const { steps } = await applied(world)
      expect(steps.find((it) => it.step.kind === 'backfill')!.counts).toMatchObject({
        inserted: 2,
        unchanged: 1,
        rejected: 1,
      })
      await applied(world, { again: true })
      await world.retry()
      expect(await world.rows('select * from users order by id')).toEqual([
        'a same theirs',
        'b another theirs',
        'c new own',
        'd newer own',
        'z unrelated theirs',
      ])
      expect(await world.quarantine()).toEqual(['EXISTING_ROW user:b'])
      await world.rollback()
      expect(await world.rows('select * from users order by id')).toEqual([
        'a same theirs',
        'b another theirs',
        'z unrelated theirs',
      ])
    }
  })

  test('are updated where the mapping says so, and stay when it is taken back', async () => {
    const world = await application(schema, before, plan('existing: update,'), entries)
    await applied(world)
    await applied(world, { again: true })
    expect(await world.rows('select * from users order by id')).toEqual([
      'a same theirs',
      'b ours theirs',
      'c new own',
      'd newer own',
      'z unrelated theirs',
    ])
    await world.rollback()
    expect(await world.rows('select id from users order by id')).toEqual(['a', 'b', 'z'])
  })

  test('are updated by the record that has the row, whichever came first', async () => {
    const many = plan('existing: update, conflict: newest(name),').replace('id: $id', 'id: $id | lower')
    const rivals = [
      json('user:b', { n: '1' }),
      json('user:B', { n: '3' }),
      json('user:a', { n: 'same' }),
      json('user:A', { n: 'nicer' }),
    ]
    for (const order of ordersOf(rivals, 4)) {
      const world = await application(schema, before, many, order, 1)
      await applied(world)
      await applied(world, { again: true })
      expect(await world.rows('select * from users order by id')).toEqual([
        'a same theirs',
        'b 3 theirs',
        'z unrelated theirs',
      ])
    }
    const contested = many.replace('conflict: newest(name),', '')
    for (const order of ordersOf(rivals, 4)) {
      const world = await application(schema, before, contested, order, 1)
      await applied(world)
      expect(await world.rows('select * from users order by id')).toEqual([
        'a same theirs',
        'b another theirs',
        'z unrelated theirs',
      ])
      expect(await world.quarantine()).toEqual([
        'CONFLICT user:A',
        'CONFLICT user:B',
        'CONFLICT user:a',
        'CONFLICT user:b',
      ])
    }
  })

  test('are not taken for ours when two mappings write the table', async () => {
    const two = `${plan('')}  - { match: 'old:{id}', type: string, decode: json, into: users, conflict: keep, fields: { id: $id, name: n } }\n`
    const world = await application(
      schema,
      before,
      two,
      [
        ...entries,
        json('old:c', { n: 'older' }),
        json('old:e', { n: 'only' }),
        json('old:z', { n: 'unrelated' }),
      ],
      2,
    )
    await applied(world)
    expect(await world.rows('select * from users order by id')).toEqual([
      'a same theirs',
      'b another theirs',
      'c new own',
      'd newer own',
      'e only own',
      'z unrelated theirs',
    ])
    await world.rollback()
    expect(await world.rows('select id from users order by id')).toEqual(['a', 'b', 'z'])
  })
})

describe('foreign keys that are there from the start', () => {
  const schema = `create table users (id text primary key);
create table posts (id integer primary key, author text not null references users (id) on delete cascade);`
  const plan = `version: 1
plan: data
mappings:
  - { match: 'user:{id}', into: users, fields: { id: $id } }
  - { match: 'post:{id:int}', type: string, decode: json, into: posts, fields: { id: $id, author: by } }
`

  test('let exactly the orphans into the quarantine, a third of all', async () => {
    const users = Array.from({ length: 70 }, (_, it) => string(`user:u${it}`, ''))
    const posts = Array.from({ length: 2_000 }, (_, it) => json(`post:${it}`, { by: `u${it % 100}` }))
    const world = await application(schema, '', plan, [...posts, ...users], 500)
    const { steps } = await applied(world)
    expect(steps.find((it) => it.step.id.endsWith('backfill/posts'))!.counts).toMatchObject({
      inserted: 1_400,
      rejected: 600,
    })
    const orphans = posts.map(({ key }) => key.toString()).filter((it) => Number(it.slice(5)) % 100 >= 70)
    expect(await world.quarantine()).toEqual(orphans.map((it) => `ORPHAN ${it}`).sort())
  })

  test('keep a plan from being taken back while rows of another refer to its own', async () => {
    const [users, posts] = [
      plan.split('\n').slice(0, 4).join('\n'),
      `${plan.split('\n').slice(0, 3).join('\n').replace('data', 'posts')}\n${plan.split('\n')[4]}\n`,
    ]
    await database.query(schema)
    world = makeWorld({
      schema,
      database: database.url,
      files: { 'plans/a.yaml': `${users}\n`, 'plans/b.yaml': posts },
      entries: [string('user:u', ''), json('post:1', { by: 'u' })],
    })
    await applied(world)
    await expect(world.rollback(['data'])).rejects.toMatchObject({
      code: 'STILL_REFERENCED',
      message: expect.stringContaining('posts'),
    })
    expect(await world.rows('select * from posts')).toEqual(['1 u'])
    await world.rollback(['posts'])
    await world.rollback(['data'])
    expect(await world.rows('select * from users')).toEqual([])
  })
})

describe('a table that refers to itself', () => {
  const plan = `version: 1
plan: data
mappings:
  - { match: 'node:{id:int}', type: string, decode: json, into: nodes, fields: { id: $id, parent: p } }
`
  // A chain from 1 to 12, a pair that refer to each other, one to itself, and a chain that hangs on nothing.
  const nodes = [
    ...Array.from({ length: 12 }, (_, it) => json(`node:${it + 1}`, it === 0 ? {} : { p: it })),
    ...[json('node:20', { p: 21 }), json('node:21', { p: 20 }), json('node:30', { p: 30 })],
    ...[json('node:40', { p: 99 }), json('node:41', { p: 40 }), json('node:42', { p: 41 })],
  ]

  test.each(['', 'deferrable', 'deferrable initially deferred'])(
    'takes a chain in any order, and quarantines what hangs on nothing (%s)',
    async (how) => {
      const schema = `create table nodes (id integer primary key, parent integer references nodes (id) ${how});`
      for (const [place, order] of ordersOf(nodes, 3).entries()) {
        const world = await application(schema, '', plan, order, [100, 2, 5][place]!)
        await applied(world)
        const lost = ['ORPHAN node:40', 'ORPHAN node:41', 'ORPHAN node:42']
        expect(await world.quarantine()).toEqual(lost)
        expect((await world.rows('select id from nodes where id < 20 or id = 30 order by id')).length).toBe(
          13,
        )
      }
    },
  )
})

describe('what a table refuses', () => {
  const schema = `create extension if not exists citext;
create type mood as enum ('sad', 'ok', 'glad');
create domain percent as integer check (value between 0 and 100);
create table users (
  id integer primary key, email citext unique, age integer check (age > 0), mood mood, share percent, address inet,
  size integer generated always as (length(email::text)) stored
);`
  const plan = `version: 1
plan: data
mappings:
  - match: user:{id:int}
    type: string
    decode: json
    into: users
    fields: { id: $id, email: email, age: age, mood: mood, share: share, address: address }
`
  const user = (id: number, more: object = {}): Entry =>
    json(`user:${id}`, {
      email: `u${id}@x`,
      age: id,
      mood: 'ok',
      share: '7',
      address: '10.0.0.1/32',
      ...more,
    })

  test('is exactly what it cannot take (H49)', async () => {
    const entries = [
      ...Array.from({ length: 30 }, (_, it) => user(it + 1)),
      user(101, { age: -1 }),
      user(102, { mood: 'mad' }),
      user(103, { share: '101' }),
      user(104, { share: 'x' }),
      user(105, { address: 'nowhere' }),
      user(106, { address: '::ffff:10.1.2.3', share: ' 12' }),
      user(107, { email: 'U1@X' }),
      user(108, { email: null, age: null, mood: null, share: null, address: null }),
      user(109, { email: 'u200@x' }),
      user(200),
    ]
    for (const [place, order] of ordersOf(entries, 3).entries()) {
      const world = await application(schema, '', plan, order, [1000, 4, 10][place]!)
      for (const again of [false, true]) {
        await applied(world, { again })
        expect(await world.quarantine()).toEqual([
          'CONSTRAINT user:101',
          'CONSTRAINT user:103',
          'CONSTRAINT user:104',
          'CONSTRAINT user:105',
          'NOT_IN_ENUM user:102',
          'UNIQUE_VIOLATION user:107',
          'UNIQUE_VIOLATION user:200',
        ])
        expect(
          await world.rows(
            'select id, email, age, mood, share, address, size from users where id > 100 order by id',
          ),
        ).toEqual([
          '106 u106@x 106 ok 12 ::ffff:10.1.2.3 6',
          '108 null null null null null null',
          '109 u200@x 109 ok 7 10.0.0.1 6',
        ])
      }
      expect(await world.rows('select count(*) from users')).toEqual(['33'])
      await world.rollback()
      expect(await world.rows('select count(*) from users')).toEqual(['0'])
    }
  })

  test('names the column whose text is none of its type', async () => {
    const world = await application(
      schema,
      '',
      plan,
      [user(1, { address: 'nowhere' }), user(2, { share: '101' })],
      10,
    )
    await applied(world)
    expect(await world.rows('select "column", message from kvmig.quarantine order by key')).toEqual([
      expect.stringMatching(/^address users refused the row: SQLSTATE 22P02\.$/),
      expect.stringMatching(/^share users refused the row: SQLSTATE 23514 \(constraint percent_check\)\.$/),
    ])
  })

  test('takes keys of types that kvmig knows nothing about', async () => {
    const hosts = `create extension if not exists citext; create table hosts (address inet, name citext, note text, primary key (address, name));`
    const plan = `version: 1
plan: data
mappings:
  - { match: 'host:{address}:{alias}', type: string, into: hosts, fields: { address: $address, name: $alias, note: $value } }
`
    const entries = [
      string('host:10.0.0.1:A', 'x'),
      string('host:10.0.0.1/32:A', 'x'),
      string('host:10.0.0.2:B', 'y'),
      string('host:10.0.0.3:C', 'mine'),
    ]
    for (const order of ordersOf(entries, 3)) {
      const world = await application(
        hosts,
        "insert into hosts values ('10.0.0.3', 'c', 'theirs')",
        plan,
        order,
        1,
      )
      await applied(world)
      await applied(world, { again: true })
      expect(await world.rows('select * from hosts order by 1')).toEqual([
        '10.0.0.1 A x',
        '10.0.0.2 B y',
        '10.0.0.3 c theirs',
      ])
      expect(await world.quarantine()).toEqual(['EXISTING_ROW host:10.0.0.3:C'])
      await world.rollback()
      expect(await world.rows('select * from hosts')).toEqual(['10.0.0.3 c theirs'])
    }
  })
})

describe('identity columns', () => {
  test('number rows by themselves where the key is another: a second run changes nothing', async () => {
    const schema =
      'create table users (id bigint generated always as identity primary key, email text not null unique, name text);'
    const plan = `version: 1
plan: data
mappings:
  - { match: 'user:{email}', type: string, into: users, key: [email], fields: { email: $email, name: $value } }
`
    const world = await application(
      schema,
      "insert into users (email, name) values ('own@x', 'theirs')",
      plan,
      [string('user:a@x', 'a'), string('user:b@x', 'b')],
      1,
    )
    await applied(world)
    const before = await world.rows('select * from users order by id')
    expect(before).toEqual(['1 own@x theirs', '2 a@x a', '3 b@x b'])
    await applied(world, { again: true })
    expect(await world.rows('select * from users order by id')).toEqual(before)
    await world.execute("insert into users (email) values ('next@x')")
  })

  test.each(['generated always as identity', 'generated by default as identity'])(
    'are filled where the source has the numbers, and count on from there (%s)',
    async (how) => {
      const schema = `create table users (id bigint ${how} primary key, name text);`
      const plan = `version: 1
plan: data
mappings:
  - { match: 'user:{id:int}', type: string, into: users, fields: { id: $id, name: $value } }
`
      const entries = [string('user:7', 'a'), string('user:41', 'b')]
      const world = await application(schema, "insert into users (name) values ('theirs')", plan, entries, 1)
      await applied(world)
      await world.execute("insert into users (name) values ('next')")
      expect(await world.rows('select * from users order by id')).toEqual([
        '1 theirs',
        '7 a',
        '41 b',
        '42 next',
      ])
      world.entries = [...entries, string('user:90', 'c')]
      await applied(world, { again: true })
      await world.execute("insert into users (name) values ('after')")
      expect((await world.rows('select * from users order by id')).at(-1)).toBe('91 after')
    },
  )
})
