import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { list, string } from '../sources/entries.ts'
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
const constraints = "select conname, convalidated from pg_constraint where contype = 'f' order by 1"

/** Users, their posts, the comments to those, and tags of comments: each refers to the one before. */
const chain = `version: 1
plan: data
mappings:
  - { match: 'user:{id}', type: string, into: users, fields: { id: $id, name: $value } }
  - { match: 'post:{id}', type: string, decode: json, into: posts, fields: { id: $id, author: by } }
  - { match: 'comments:{post}', each: item, into: comments, fields: { post: $post, place: $index, text: $value } }
  - { match: 'tag:{id}', type: string, decode: json, into: tags, conflict: keep, fields: { name: name | lower, post: post, place: place } }
tables:
  users: { columns: { id: text, name: text }, primary_key: [id] }
  posts: { columns: { id: text, author: text }, primary_key: [id], references: [{ columns: [author], to: users(id), on_delete: cascade }] }
  comments:
    columns: { post: text, place: integer, text: text }
    primary_key: [post, place]
    references: [{ columns: [post], to: posts(id) }]
  tags:
    columns: { name: text, post: text, place: integer }
    primary_key: [name]
    references: [{ columns: [post, place], to: 'comments(post, place)' }]
`
const orphanage = [
  ...['a', 'b'].map((it) => string(`user:${it}`, it)),
  ...[
    json('post:1', { by: 'a' }),
    json('post:2', { by: 'gone' }),
    json('post:3', {}),
    json('post:4', { by: 'lost' }),
  ],
  ...['1', '2', '3', '9'].map((it) => list(`comments:${it}`, ['x', 'y'])),
  ...[
    json('tag:1', { name: 'red', post: '1', place: 1 }),
    json('tag:2', { name: 'Blue', post: '2', place: 0 }),
    json('tag:3', { name: 'blue', post: '2', place: 0 }),
  ],
  ...[json('tag:4', { name: 'green', post: '1', place: 7 }), json('tag:5', { name: 'none', post: '1' })],
]
const lost = [
  'ORPHAN comments:2 index:0',
  'ORPHAN comments:2 index:1',
  'ORPHAN comments:9 index:0',
  'ORPHAN comments:9 index:1',
  'ORPHAN post:2',
  'ORPHAN post:4',
  'ORPHAN tag:2',
  'ORPHAN tag:3',
  'ORPHAN tag:4',
]

test('orphans, and orphans of orphans, are quarantined with their keys and parts, in any order', async () => {
  for (const order of ordersOf(orphanage, 3)) {
    await emptied(database)
    world = makeWorld({ plan: chain, database: database.url, entries: order, batchRows: 3 })
    expect((await applied(world)).outcome).toBe('closed')
    expect(await world.quarantine()).toEqual(lost)
    expect(await world.rows(constraints)).toEqual([
      'comments_post_fkey t',
      'posts_author_fkey t',
      'tags_post_place_fkey t',
    ])
    await applied(world, { again: true })
    expect(await world.quarantine()).toEqual(lost)
    world.remove()
  }
})

test('orphans come in when their parents do, at the next copy or when they are retried', async () => {
  for (const how of ['again', 'retry'] as const) {
    await emptied(database)
    const unreadable = list('user:gone', ['a list where text was expected'])
    world = makeWorld({
      plan: chain,
      database: database.url,
      entries: [...orphanage, unreadable],
      batchRows: 3,
    })
    await applied(world)
    world.entries = [...orphanage, string('user:gone', 'back')]
    if (how === 'retry') await world.retry()
    await applied(world, { again: how === 'again' })
    expect(await world.quarantine()).toEqual([
      'ORPHAN comments:9 index:0',
      'ORPHAN comments:9 index:1',
      'ORPHAN post:4',
      'ORPHAN tag:4',
    ])
    expect(await world.rows('select name, post from tags order by name')).toEqual([
      'blue 2',
      'none 1',
      'red 1',
    ])
    world.remove()
  }
})

test('a gate opens when the orphans were accepted', async () => {
  const accepting = `${chain}accept:\n${['post:{_}', 'comments:{_}', 'tag:{_}'].map((it) => `  - { code: ORPHAN, match: '${it}', because: of deleted users }\n`).join('')}`
  world = makeWorld({ plan: accepting, database: database.url, entries: orphanage })
  const { outcome, findings } = await applied(world)
  expect([...findings.values()].flat().filter((it) => it.status !== 'pass')).toEqual([])
  expect(outcome).toBe('done')
})

test('a table that refers to itself keeps its trees and its rings, and nothing that hangs in the air', async () => {
  const plan = `version: 1
plan: data
mappings:
  - { match: 'node:{id:int}', type: string, decode: json, into: nodes, fields: { id: $id, parent: p } }
tables:
  nodes: { columns: { id: integer, parent: integer }, primary_key: [id], references: [{ columns: [parent], to: nodes(id) }] }
`
  const nodes = [
    ...Array.from({ length: 40 }, (_, it) => json(`node:${it + 1}`, it === 0 ? {} : { p: it })),
    ...[json('node:50', { p: 51 }), json('node:51', { p: 50 }), json('node:60', { p: 60 })],
    ...Array.from({ length: 40 }, (_, it) => json(`node:${101 + it}`, { p: 100 + it })),
  ]
  for (const order of ordersOf(nodes, 3)) {
    await emptied(database)
    world = makeWorld({ plan, database: database.url, entries: order, batchRows: 10 })
    await applied(world)
    await applied(world, { again: true })
    expect(await world.rows('select count(*), max(id) from nodes')).toEqual(['43 60'])
    expect((await world.quarantine()).length).toBe(40)
    // The first of the chain gets its parent: the whole chain comes back.
    world.entries = [...order, json('node:100', {})]
    await applied(world, { again: true })
    expect(await world.quarantine()).toEqual([])
    world.remove()
  }
})

test('tables that refer to each other lose exactly what hangs on nothing, however long the way around', async () => {
  const plans = (deleting: string) => ({
    'plans/teams.yaml': `version: 1
plan: teams
mappings:
  - { match: 'team:{id}', type: string, decode: json, into: teams, fields: { id: $id, lead: lead } }
tables:
  teams: { columns: { id: text, lead: text }, primary_key: [id], references: [{ columns: [lead], to: people(id), on_delete: ${deleting} }] }
`,
    'plans/people.yaml': `version: 1
plan: people
mappings:
  - { match: 'person:{id}', type: string, decode: json, into: people, fields: { id: $id, desk: desk } }
tables:
  people: { columns: { id: text, desk: text }, primary_key: [id], references: [{ columns: [desk], to: desks(id), on_delete: ${deleting} }] }
`,
    'plans/desks.yaml': `version: 1
plan: desks
mappings:
  - { match: 'desk:{id}', type: string, decode: json, into: desks, fields: { id: $id, team: team } }
tables:
  desks: { columns: { id: text, team: text }, primary_key: [id], references: [{ columns: [team], to: teams(id), on_delete: ${deleting} }] }
`,
  })
  const ring = (it: number, more: { lead?: string } = {}) => [
    json(`team:t${it}`, { lead: `p${it}`, ...more }),
    json(`person:p${it}`, { desk: `d${it}` }),
    json(`desk:d${it}`, { team: `t${it}` }),
  ]
  // Ring 1 is whole. Ring 2 lacks its desk, ring 3 leads into ring 2.
  const entries = [...ring(1), ...ring(2).slice(0, 2), ...ring(3, { lead: 'p2' }), json('team:free', {})]
  for (const deleting of ['no action', 'cascade']) {
    await emptied(database)
    world = makeWorld({ files: plans(deleting), database: database.url, entries, batchRows: 2 })
    for (const again of [false, true]) {
      await applied(world, { again })
      expect(await world.quarantine()).toEqual([
        'ORPHAN desk:d3',
        'ORPHAN person:p2',
        'ORPHAN person:p3',
        'ORPHAN team:t2',
        'ORPHAN team:t3',
      ])
      expect(await world.rows('select id from teams order by id')).toEqual(['free', 't1'])
    }
    expect((await world.rows(constraints)).length).toBe(3)
    world.remove()
  }
})

test('a reference that is added later takes its orphans out of tables that others refer to', async () => {
  const before = chain.replace('references: [{ columns: [author], to: users(id), on_delete: cascade }]', '')
  world = makeWorld({ plan: before, database: database.url, entries: orphanage, batchRows: 3 })
  await applied(world)
  expect(await world.quarantine()).toEqual([
    'ORPHAN comments:9 index:0',
    'ORPHAN comments:9 index:1',
    'ORPHAN tag:4',
  ])
  world.edit({ 'plans/data.yaml': chain })
  const { undone } = await applied(world)
  expect(undone).toEqual(['data/A/foreign_key/tags_post_place_fkey', 'data/A/foreign_key/comments_post_fkey'])
  expect(await world.quarantine()).toEqual(lost)
  world.edit({ 'plans/data.yaml': before })
  await applied(world)
  expect(await world.quarantine()).toEqual([
    'ORPHAN comments:9 index:0',
    'ORPHAN comments:9 index:1',
    'ORPHAN tag:4',
  ])
})

test('a row of somebody else that has no parent stops the step, and says so', async () => {
  world = makeWorld({ plan: chain, database: database.url, entries: orphanage })
  const [table] = [chain.indexOf('tables:')]
  const parts = chain.slice(table).replace(/ references: \[.*\]/g, '')
  world.edit({ 'plans/data.yaml': chain.slice(0, table) + parts.replace(/ {4}references.*\n/g, '') })
  await applied(world)
  await world.execute(`insert into tags values ('theirs', 'nowhere', 1)`)
  world.edit({ 'plans/data.yaml': chain })
  const { steps } = await world.apply()
  expect(steps.flatMap((it) => it.error ?? [])).toMatchObject([{ code: 'ORPHAN_NOT_OURS' }])
  expect(await world.rows(`select * from tags where name = 'theirs'`)).toEqual(['theirs nowhere 1'])
})
