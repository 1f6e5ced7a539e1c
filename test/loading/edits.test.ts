import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { hash, string } from '../sources/entries.ts'
import { shuffled } from './shuffle.ts'
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

const USERS = `version: 1
plan: users
mappings:
  - { match: 'user:{id:int}', type: hash, into: users, fields: { id: $id, name: name } }
tables:
  users: { columns: { id: serial, name: text }, primary_key: [id] }
`
const MORE_USERS = USERS.replace(
  'tables:',
  `  - { match: 'old:{id:int}', type: string, decode: json, into: users, conflict: keep, fields: { name: n, id: $id } }
tables:`,
)
const POSTS = `version: 1
plan: posts
mappings:
  - match: post:{id}
    type: string
    decode: json
    into: posts
    fields: { id: $id, author: by, title: title }
tables:
  posts:
    columns: { id: text, author: integer, title: text }
    primary_key: [id]
    indexes: { posts_author: [author] }
    references: [{ columns: [author], to: users(id) }]
`
/** The plans as somebody may edit them, one after the other in any order. */
const versions: Readonly<Record<string, readonly [users: string, posts: string]>> = {
  first: [USERS, POSTS],
  'another where': [USERS, POSTS.replace('    into: posts', '    where: "!has(r.draft)"\n    into: posts')],
  'another field': [USERS, POSTS.replace('title: title }', 'title: title | upper }')],
  'another decoding': [USERS, POSTS.replace('decode: json', 'decode: json until object')],
  'a column more': [
    USERS,
    POSTS.replace('title: text }', 'title: text, draft: boolean }').replace(
      'title: title }',
      'title: title, draft: draft }',
    ),
  ],
  'a column less': [USERS, POSTS.replace(', title: text }', ' }').replace(', title: title }', ' }')],
  'an index more': [
    USERS,
    POSTS.replace('posts_author: [author]', 'posts_author: [author], posts_title: [title]'),
  ],
  'no index': [USERS, POSTS.replace('    indexes: { posts_author: [author] }\n', '')],
  'no reference': [USERS, POSTS.replace(/ {4}references.*\n/, '')],
  'a second mapping': [MORE_USERS, POSTS],
  'a mapping of another kind': [MORE_USERS.replace('conflict: keep', 'conflict: update'), POSTS],
  'fewer parents': [USERS.replace('into: users', "where: r.name != 'Cleo', into: users"), POSTS],
  'another name of the table': [
    USERS,
    POSTS.replaceAll(' posts:\n    columns', ' articles:\n    columns').replace(
      'into: posts',
      'into: articles',
    ),
  ],
  'neither mapping nor table': [
    USERS,
    POSTS.slice(0, POSTS.indexOf('mappings:')) +
      'mappings:\n  - { match: "post:{_}", ignore: not any more }\n',
  ],
}

const entries = [
  ...['Ann', 'Bo', 'Cleo'].map((name, it) => hash(`user:${it + 1}`, ['name', name])),
  ...[3, 4, 5].map((id) => json(`old:${id}`, { n: `Old ${id}` })),
  ...Array.from({ length: 24 }, (_, it) =>
    json(`post:${it}`, { by: (it % 6) + 1, title: `t${it}`, ...(it % 5 === 0 ? { draft: true } : {}) }),
  ),
  json('post:wrapped', JSON.stringify({ by: 1, title: 'in a string' })),
  json('post:bad', { by: 'me' }),
]

const files = ([users, posts]: readonly [string, string]) => ({
  'plans/users.yaml': users,
  'plans/posts.yaml': posts,
})

/** Everything that a run leaves behind and that must not depend on what was there before. */
async function contents(it: World): Promise<Record<string, readonly string[]>> {
  const tables = await it.rows("select tablename from pg_tables where schemaname = 'public' order by 1")
  const found: Record<string, readonly string[]> = { tables, quarantine: await it.quarantine() }
  for (const table of tables) found[table] = await it.rows(`select t::text from ${table} t order by 1`)
  found.constraints = await it.rows(
    "select conname, convalidated from pg_constraint where connamespace = 'public'::regnamespace order by 1",
  )
  found.indexes = await it.rows("select indexname from pg_indexes where schemaname = 'public' order by 1")
  found.steps = await it.rows('select id, state from kvmig.step order by 1')
  found.sequence = await it.rows('select last_value, is_called from users_id_seq')
  found.fingerprints = await it.rows('select fingerprint from kvmig.step order by id')
  return found
}

async function fresh(version: readonly [string, string]): Promise<Record<string, readonly string[]>> {
  await emptied(database)
  const it = makeWorld({ files: files(version), database: database.url, entries, batchRows: 5 })
  await applied(it)
  const found = await contents(it)
  it.remove()
  return found
}

test('whatever was edited in whatever order, the tables are as after a first copy', async () => {
  const expected = new Map<string, Record<string, readonly string[]>>()
  for (const [name, version] of Object.entries(versions)) expected.set(name, await fresh(version))
  await emptied(database)
  world = makeWorld({ files: files(versions.first!), database: database.url, entries, batchRows: 5 })
  await applied(world)
  // Every version after every other would be 200 runs. Another number gives another order.
  for (const name of shuffled(Object.keys(versions), Number(process.env.KVMIG_TEST_SEED ?? 1))) {
    world.edit(files(versions[name]!))
    await applied(world)
    // A sequence never goes back.
    const { sequence, ...found } = await contents(world)
    const { sequence: atFirst, ...wanted } = expected.get(name)!
    expect({ name, ...found }).toEqual({ name, ...wanted })
    expect(Number.parseInt(sequence![0]!, 10)).toBeGreaterThanOrEqual(Number.parseInt(atFirst![0]!, 10))
  }
  const { steps } = await world.apply()
  expect(steps.every((it) => it.status === 'was done' || it.step.kind === 'gate')).toBe(true)
})

describe('an edit', () => {
  const edited = async (name: string) => {
    world = makeWorld({ files: files(versions.first!), database: database.url, entries, batchRows: 5 })
    await applied(world)
    world.edit(files(versions[name]!))
    return world.apply()
  }

  test.each([
    ['an index more', ['posts/A/index/posts_title']],
    ['no index', []],
    [
      'another field',
      [
        'posts/A/backfill/posts',
        'posts/A/index/posts_author',
        'posts/A/analyze/posts',
        'posts/A/foreign_key/posts_author_fkey',
        'posts/A/validate/posts_author_fkey',
      ],
    ],
    [
      'a second mapping',
      [
        'users/A/backfill/users.2',
        'users/A/sequence/users.id',
        'users/A/analyze/users',
        'posts/A/foreign_key/posts_author_fkey',
        'posts/A/validate/posts_author_fkey',
      ],
    ],
  ])('does nothing again that it does not touch: %s', async (name, again) => {
    const { steps } = await edited(name)
    expect(steps.filter((it) => it.status === 'done').map((it) => it.step.id)).toEqual(again)
  })

  test('that cannot be taken back leaves everything as it was', async () => {
    world = makeWorld({ files: files(versions.first!), database: database.url, entries, batchRows: 5 })
    await applied(world)
    const before = await contents(world)
    // Somebody's view stands on the table: it cannot be dropped, and nothing that had to go with it goes.
    await world.execute('create view public.theirs as select title from posts')
    world.edit(files(versions['a column less']!))
    await expect(world.apply()).rejects.toThrow()
    await world.execute('drop view public.theirs')
    world.edit(files(versions.first!))
    expect(await contents(world)).toEqual(before)
    expect(
      (await applied(world)).steps.every((it) => it.status === 'was done' || it.step.kind === 'gate'),
    ).toBe(true)
  })

  test('of a table that a plan refers to which is not named is refused', async () => {
    world = makeWorld({ files: files(versions.first!), database: database.url, entries, batchRows: 5 })
    await applied(world)
    world.edit(files([USERS.replace('name: name }', 'name: name | upper }'), POSTS]))
    await expect(world.apply({ plans: ['users'] })).rejects.toMatchObject({
      code: 'STILL_REFERENCED',
      hint: expect.stringContaining('posts'),
    })
    await applied(world)
    expect(await world.rows('select name from users order by id')).toEqual(['ANN', 'BO', 'CLEO'])
  })
})

test('origins of rows that could be computed are written down when a second mapping comes, and go when it goes', async () => {
  const origins = 'select writer, count(*) from kvmig.origin group by 1 order by 1'
  world = makeWorld({ files: files(versions.first!), database: database.url, entries })
  await applied(world)
  expect(await world.rows(origins)).toEqual([])
  world.edit(files(versions['a second mapping']!))
  await applied(world)
  expect(await world.rows(origins)).toEqual(['users/users 3', 'users/users.2 2'])
  expect(await world.rows('select id, name from users order by id')).toEqual([
    '1 Ann',
    '2 Bo',
    '3 Cleo',
    '4 Old 4',
    '5 Old 5',
  ])
  world.edit(files(versions.first!))
  await applied(world)
  expect(await world.rows(origins)).toEqual([])
})

test('a mapping that goes gives rows back to those it had taken them from, also where origins are kept on', async () => {
  const three = MORE_USERS.replace('conflict: keep', 'conflict: update').replace(
    'tables:',
    `  - { match: 'older:{id:int}', type: string, into: users, conflict: update, fields: { id: $id, name: $value } }
tables:`,
  )
  const older = [string('older:3', 'Older'), string('older:5', 'Older')]
  world = makeWorld({ plan: three, database: database.url, entries: [...entries.slice(0, 6), ...older] })
  await applied(world)
  expect(await world.rows('select name from users where id in (3, 5) order by id')).toEqual([
    'Older',
    'Older',
  ])
  world.edit({ 'plans/data.yaml': MORE_USERS.replace('conflict: keep', 'conflict: update') })
  world.entries = entries.slice(0, 6)
  const { steps } = await applied(world)
  expect(steps.filter((it) => it.step.kind === 'backfill').map((it) => it.status)).toEqual([
    'was done',
    'was done',
  ])
  expect(await world.rows('select name from users where id in (3, 5) order by id')).toEqual([
    'Old 3',
    'Old 5',
  ])
})

test('a plan that is gone from the project is taken back by its name', async () => {
  world = makeWorld({ files: files(versions.first!), database: database.url, entries })
  await applied(world)
  world.edit(
    files([USERS, 'version: 1\nplan: nothing\nmappings:\n  - { match: "post:{_}", ignore: gone }\n']),
  )
  expect((await world.apply()).undone).toEqual([])
  expect(await world.rows('select count(*) from posts')).toEqual(['12'])
  await world.rollback(['posts'])
  expect(await world.rows("select tablename from pg_tables where schemaname = 'public'")).toEqual(['users'])
})

test('what several plans share goes with the last of them', async () => {
  const shared = (name: string) => `version: 1
plan: ${name}
mappings:
  - { match: '${name}:{id}', type: string, into: things, key: [kind, id], fields: { kind: const(${name}), id: $id, value: $value } }
tables:
  things:
    columns: { kind: text, id: text, value: text }
    primary_key: [kind, id]
    indexes: { things_value: [value] }
`
  world = makeWorld({
    files: { 'plans/a.yaml': shared('a'), 'plans/b.yaml': shared('b') },
    database: database.url,
    entries: [string('a:1', 'x'), string('b:1', 'y'), string('b:2', 'y')],
  })
  await applied(world)
  await world.rollback(['a'])
  expect(await world.rows('select kind, id from things order by id')).toEqual(['b 1', 'b 2'])
  await applied(world)
  await world.rollback()
  expect(await world.rows("select tablename from pg_tables where schemaname = 'public'")).toEqual([])
  expect(await world.rows('select count(*) from kvmig.step')).toEqual(['0'])
})
