import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { planRebuild, rebuild } from '../../src/runner/rebuild.ts'
import { traceKey } from '../../src/runner/trace-key.ts'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { hash, list, string } from '../sources/entries.ts'
import { ordersOf, randomOf, shuffled } from './shuffle.ts'
import { applied, emptied, makeWorld, type World } from './world.ts'

/** Rows that several records give between them, column by column. */

let database: FreshDatabase
let worlds: World[] = []
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await emptied(database)
  return () => {
    for (const it of worlds) it.remove()
    worlds = []
  }
})

const worldOf = (plan: string, entries: readonly Entry[], batchRows = 2): World => {
  const world = makeWorld({ plan, database: database.url, entries, batchRows })
  worlds.push(world)
  return world
}

const PLAN = `version: 1
plan: data
mappings:
  - from:
      - { match: 'new:{id}', type: hash }
      - { match: 'old:{id}', type: string, decode: json }
    into: users
    merge: { name: coalesce, visits: sum, spent: sum, first: least, last: greatest, vip: greatest }
    fields:
      id: $id
      name: name
      visits: visits | text | int
      spent: spent | text | decimal
      first: first | text | int
      last: last | text | int
      vip: vip | text | bool
  - { match: 'visits:{id}', type: string, into: users, fields: { id: $id, visits: $value | int } }
  - { match: log, type: list, each: item, decode: json, into: users, fields: { id: who, spent: amount, last: at } }
tables:
  users:
    columns:
      id: text
      name: text not null
      visits: bigint not null
      spent: numeric(12,2)
      first: integer
      last: integer
      vip: boolean
    primary_key: [id]
`
const SELECT = 'select * from users order by id'

const entries: readonly Entry[] = [
  hash('new:ann', [
    'name',
    'Ann',
    'visits',
    '5',
    'spent',
    '1.10',
    'first',
    '30',
    'last',
    '40',
    'vip',
    'false',
  ]),
  string('old:ann', '{"name":"ann (old)","visits":7,"spent":2.05,"first":10,"last":20,"vip":true}'),
  string('visits:ann', '9007199254740993'),
  // The name alone, its number elsewhere: neither of the two is a row by itself.
  string('old:bob', '{"name":"Bob"}'),
  string('visits:bob', '3'),
  hash('new:cleo', ['name', 'Cleo', 'visits', '1']),
  // A counter of nobody has no name.
  string('visits:ghost', '3'),
  hash('new:dan', ['visits', '2', 'name', 'Dan']),
  list('log', [
    ...[1, 2, 3].map((at) => `{"who":"dan","amount":${at}.25,"at":${at}}`),
    '{"who":"ann","amount":100,"at":99}',
  ]),
]
const ROWS = [
  'ann Ann 9007199254741005 103.15 10 99 t',
  'bob Bob 3 null null null null',
  'cleo Cleo 1 null null null null',
  'dan Dan 2 6.75 null 3 null',
]

test('rows are made of all their records, whatever the order and the batches', async () => {
  for (const [place, order] of ordersOf(entries, 4).entries()) {
    await emptied(database)
    const world = worldOf(PLAN, order, [1, 1000, 2, 3][place]!)
    await applied(world)
    expect(await world.rows(SELECT)).toEqual(ROWS)
    expect(await world.quarantine()).toEqual(['NULL_NOT_ALLOWED visits:ghost'])
    world.entries = [...order].reverse()
    const again = await applied(world, { again: true })
    expect(await world.rows(SELECT)).toEqual(ROWS)
    expect(changesOf(again)).toEqual({ inserted: 0, updated: 0 })
    await world.retry()
    expect(await world.rows(SELECT)).toEqual(ROWS)
  }
})

const changesOf = ({ steps }: Awaited<ReturnType<typeof applied>>) => {
  const sum = (word: string) =>
    steps.reduce((total, it) => total + ((it.counts as Record<string, number> | undefined)?.[word] ?? 0), 0)
  return { inserted: sum('inserted'), updated: sum('updated') }
}

test('a second apply takes over what changed, came and went, also in records that have no row of their own', async () => {
  const world = worldOf(PLAN, entries)
  await applied(world)
  world.entries = [
    // ann: one record changed, one is gone. Nobody says her first visit any more.
    hash('new:ann', ['name', 'Anna', 'visits', '6', 'spent', '1.10', 'last', '40']),
    string('visits:ann', '4'),
    // bob: only the name is left, and that is too little for a row.
    string('old:bob', '{"name":"Bob"}'),
    // cleo: there is more of her.
    hash('new:cleo', ['name', 'Cleo', 'visits', '1']),
    string('visits:cleo', '10'),
    // The ghost has a name now.
    hash('new:ghost', ['name', 'Casper', 'vip', 'true']),
    string('visits:ghost', '3'),
    hash('new:dan', ['visits', '2', 'name', 'Dan']),
    list('log', ['{"who":"dan","amount":5,"at":1}']),
  ]
  // A second copy finds nothing of what is gone; the comparison does.
  const before = await world.survey()
  expect(before.differences).toEqual(expect.arrayContaining([expect.stringMatching(/^different .*:ann/)]))
  await world.rollback()
  await applied(world)
  expect(await world.rows(SELECT)).toEqual([
    'ann Anna 10 1.10 null 40 null',
    'cleo Cleo 11 null null null null',
    'dan Dan 2 5.00 null 1 null',
    'ghost Casper 3 null null null t',
  ])
  expect(await world.quarantine()).toEqual(['NULL_NOT_ALLOWED old:bob'])
})

test('the comparison sees every record of a row that changed, is new, or is gone', async () => {
  const changed = (change: (all: Entry[]) => Entry[]) => change([...entries])
  const world = worldOf(PLAN, entries)
  await applied(world)
  expect((await world.survey()).differences).toEqual([])
  const without = (key: string) => entries.filter((it) => it.key.toString() !== key)
  for (const [what, now] of [
    [
      'a record that has the row changed',
      [...without('new:ann'), hash('new:ann', ['name', 'A', 'visits', '5'])],
    ],
    ['a record that was merged changed', [...without('visits:ann'), string('visits:ann', '1')]],
    ['one is gone', without('visits:ann')],
    ['the one that has the row is gone', without('new:ann')],
    ['one came', changed((all) => [...all, string('visits:cleo', '0')])],
    ['one is not readable any more', [...without('visits:ann'), string('visits:ann', 'many')]],
  ] as const) {
    world.entries = now
    const { differences, tables } = await world.survey()
    expect({ what, differences: differences.length > 0, different: tables[0]!.different.count > 0 }).toEqual({
      what,
      differences: true,
      different: true,
    })
  }
})

test('a record that was rejected joins its row when it was mended', async () => {
  const world = worldOf(PLAN, [
    hash('new:ann', ['name', 'Ann', 'visits', '5']),
    string('visits:ann', 'many'),
    string('old:ann', '{"visits":"x"}'),
  ])
  await applied(world)
  expect(await world.rows('select id, visits from users')).toEqual(['ann 5'])
  expect(await world.quarantine()).toEqual(['NOT_AN_INTEGER old:ann', 'NOT_AN_INTEGER visits:ann'])
  world.entries = [
    hash('new:ann', ['name', 'Ann', 'visits', '5']),
    string('visits:ann', '6'),
    string('old:ann', '{"visits":7}'),
  ]
  await world.retry()
  expect(await world.rows('select id, visits from users')).toEqual(['ann 18'])
  expect(await world.quarantine()).toEqual([])
  await world.retry()
  expect(await world.rows('select id, visits from users')).toEqual(['ann 18'])
})

test('a sum that does not fit, and two values of one mapping, are told and not guessed', async () => {
  const world = worldOf(PLAN.replace("'old:{id}'", "'old:{id}:{_}'"), [
    hash('new:big', ['name', 'Big', 'visits', '9223372036854775807']),
    string('visits:big', '1'),
    hash('new:ok', ['name', 'Ok', 'visits', '9223372036854775806']),
    string('visits:ok', '1'),
    string('old:eve:1', '{"name":"Eve","visits":1}'),
    string('old:eve:2', '{"name":"Eva","visits":1}'),
    string('old:fay:1', '{"name":"Fay","visits":1}'),
    string('old:fay:2', '{"name":"Fay","visits":1}'),
    hash('new:gus', ['name', 'Gus']),
    string('old:gus:1', '{"name":"Gustav","visits":1}'),
    string('old:gus:2', '{"name":"August","visits":1}'),
  ])
  await applied(world)
  expect(await world.rows('select id, name, visits from users order by id')).toEqual([
    'fay Fay 2',
    'gus Gus 2',
    'ok Ok 9223372036854775807',
  ])
  expect(await world.quarantine()).toEqual([
    'CONFLICT old:eve:1',
    'CONFLICT old:eve:2',
    'INT_OUT_OF_RANGE new:big',
    'INT_OUT_OF_RANGE visits:big',
  ])
})

test('what is not merged follows the policies, and an edit of how it is merged is done again for all', async () => {
  const plan = (conflict: string, merge: string) => `version: 1
plan: data
mappings:
  - from: [{ match: 'a:{id}' }, { match: 'b:{id}' }]
    type: string
    decode: json
    into: users
    conflict: ${conflict}
    merge: ${merge}
    fields: { id: $id, name: name, at: at, n: n }
tables: { users: { columns: { id: text, name: text, at: integer, n: integer }, primary_key: [id] } }
`
  const world = worldOf(plan('newest(at)', '{ n: sum }'), [
    string('a:1', '{"name":"old","at":1,"n":1}'),
    string('b:1', '{"name":"new","at":2,"n":2}'),
    string('a:2', '{"name":"new","at":3,"n":3}'),
    string('b:2', '{"name":"old","at":2,"n":4}'),
  ])
  const rows = () => world.rows('select * from users order by id')
  await applied(world)
  expect(await rows()).toEqual(['1 new 2 3', '2 new 3 7'])
  world.edit({ 'plans/data.yaml': plan('newest(at)', '{ n: greatest, at: least }') })
  await applied(world)
  expect(await rows()).toEqual(['1 new 1 2', '2 new 2 4'])
  world.edit({ 'plans/data.yaml': plan('keep', '{ n: sum }') })
  await applied(world)
  expect(await rows()).toEqual(['1 old 1 3', '2 new 3 7'])
  world.edit({ 'plans/data.yaml': plan('error', '{ n: sum }') })
  await applied(world)
  expect(await rows()).toEqual([])
  expect((await world.quarantine()).length).toBe(4)
  // One of the two layouts goes: what it gave goes with it.
  world.edit({
    'plans/data.yaml': plan('keep', '{ n: sum }').replace("{ match: 'b:{id}' }", "{ match: 'c:{id}' }"),
  })
  await applied(world)
  expect(await rows()).toEqual(['1 old 1 1', '2 new 3 3'])
  await world.rollback()
})

test('merged rows are written again in the layout that says so, and give the same rows', async () => {
  const plan = `version: 1
plan: data
mappings:
  - from: [{ match: 'a:{id}' }, { match: 'b:{id}', write: true }]
    type: string
    decode: json
    into: users
    merge: { name: coalesce, n: sum }
    fields: { id: $id, name: name, n: n }
tables: { users: { columns: { id: text, name: text, n: integer }, primary_key: [id] } }
`
  const world = worldOf(plan, [
    string('a:1', '{"name":"one","n":1}'),
    string('b:1', '{"name":"uno","n":2}'),
    string('a:2', '{"name":"two","n":4}'),
  ])
  await applied(world)
  const written = new Map<string, string>()
  const why = await world.inSession(async ({ session }) => {
    const what = await planRebuild(session, session.project.plans)
    await rebuild({
      session,
      what,
      writer: {
        label: 'memory',
        count: async () => written.size,
        commands: () => 0,
        exist: async (keys) => keys.map(() => false),
        write: async (entries) => {
          for (const { key, value } of entries)
            if (value?.type === 'string') written.set(key.toString(), value.bytes.toString())
        },
        close: async () => {},
      },
    })
    return what.left.map((it) => `${it.compiled.mapping.match.source}: ${it.why}`)
  })
  expect(why).toEqual(['a:{id}: rows of users are written as b:{id} (write: true)'])
  expect(Object.fromEntries(written)).toEqual({
    'b:1': '{"name":"one","n":3}',
    'b:2': '{"name":"two","n":4}',
  })
  await world.rollback()
  world.entries = [...written].map(([key, value]) => string(key, value))
  await applied(world)
  expect(await world.rows(SELECT)).toEqual(['1 one 3', '2 two 4'])
})

test('a key is traced to the row that it was merged into', async () => {
  const world = worldOf(PLAN, entries)
  await applied(world)
  const traced = (key: string) =>
    world.inSession(async ({ session }) => {
      const { fate, rows } = await traceKey(session, 'kv', Buffer.from(key))
      return [fate, ...rows.map((it) => `${it.table} ${it.state} ${it.columns}`.trim())]
    })
  expect(await traced('old:ann')).toEqual(['migrated', 'users matching'])
  expect(await traced('visits:ghost')).toEqual(['quarantined', 'users missing'])
  await world.execute("update users set visits = visits + 5 where id = 'ann'")
  expect(await traced('visits:ann')).toEqual(['migrated', 'users different visits'])
})

test('rows that refer to others wait for them, and sums of parents that come late are right', async () => {
  const plan = `version: 1
plan: data
mappings:
  - from: [{ match: 'pay:{id}' }, { match: 'refund:{id}' }]
    type: string
    decode: json
    into: accounts
    merge: { balance: sum }
    fields: { id: $id, owner: owner, balance: n }
  - { match: 'owner:{id}', type: string, into: owners, fields: { id: $id, name: $value } }
tables:
  owners: { columns: { id: text, name: text }, primary_key: [id] }
  accounts:
    columns: { id: text, owner: text, balance: integer }
    primary_key: [id]
    references: [{ columns: [owner], to: owners(id) }]
`
  const of = (kind: string, id: string, owner: string, n: number) =>
    string(`${kind}:${id}`, JSON.stringify({ owner, n }))
  const accounts = [
    of('pay', '1', 'ann', 5),
    of('refund', '1', 'ann', -2),
    of('pay', '2', 'bob', 7),
    of('refund', '2', 'bob', -7),
  ]
  const world = worldOf(plan, [...accounts, string('owner:ann', 'Ann')])
  await applied(world)
  expect(await world.rows('select * from accounts order by id')).toEqual(['1 ann 3'])
  expect(await world.quarantine()).toEqual(['ORPHAN pay:2', 'ORPHAN refund:2'])
  world.entries = [...accounts, string('owner:ann', 'Ann'), string('owner:bob', 'Bob')]
  await applied(world, { again: true })
  expect(await world.rows('select * from accounts order by id')).toEqual(['1 ann 3', '2 bob 0'])
  expect(await world.quarantine()).toEqual([])
})

test('any records, in any order, changed in any way between copies, give the rows that a model gives', async () => {
  const plan = `version: 1
plan: data
mappings:
  - from: [{ match: 'a:{id}' }, { match: 'b:{id}' }, { match: 'c:{id}' }]
    type: string
    decode: json
    into: things
    merge: { name: coalesce, n: sum, last: greatest, first: least }
    fields: { id: $id, name: name, n: n, last: at, first: at }
tables: { things: { columns: { id: text, name: text not null, n: integer, last: integer, first: integer }, primary_key: [id] } }
`
  interface Thing {
    readonly name?: string
    readonly n?: number | 'bad'
    readonly at?: number
  }
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    await emptied(database)
    const random = randomOf(seed)
    const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)]!
    const things = new Map<string, Thing>()
    const change = (share: number) => {
      for (const kind of ['a', 'b', 'c'])
        for (let id = 0; id < 12; id++)
          if (random() < share)
            things.set(`${kind}:${id}`, {
              ...pick({}, { name: `${kind}${id}` }, { name: 'x' }),
              ...pick({}, { n: Math.floor(random() * 100) - 50 }, { n: 'bad' as const }),
              ...pick({}, { at: Math.floor(random() * 100) }),
            })
    }
    const expected = () => {
      const rows: string[] = []
      const refused: string[] = []
      for (let id = 0; id < 12; id++) {
        const keys = ['a', 'b', 'c'].map((it) => `${it}:${id}`).filter((it) => things.has(it))
        const good = keys.filter((it) => things.get(it)!.n !== 'bad')
        refused.push(...keys.filter((it) => !good.includes(it)).map((it) => `TYPE_MISMATCH ${it}`))
        const given = good.map((it) => things.get(it)!)
        const name = given.find((it) => it.name !== undefined)?.name
        if (name === undefined) {
          refused.push(...good.map((it) => `NULL_NOT_ALLOWED ${it}`))
          continue
        }
        const numbers = given.flatMap((it) => (typeof it.n === 'number' ? [it.n] : []))
        const times = given.flatMap((it) => it.at ?? [])
        rows.push(
          [
            id,
            name,
            numbers.length > 0 ? numbers.reduce((a, b) => a + b) : 'null',
            times.length > 0 ? Math.max(...times) : 'null',
            times.length > 0 ? Math.min(...times) : 'null',
          ].join(' '),
        )
      }
      return { rows: rows.sort(), quarantine: refused.sort() }
    }
    const world = worldOf(plan, [], pick(1, 2, 5, 300))
    for (let copy = 0; copy < 4; copy++) {
      change(copy === 0 ? 0.6 : 0.15)
      world.entries = shuffled(
        [...things].map(([key, value]) => string(key, JSON.stringify(value))),
        seed * 10 + copy,
      )
      await applied(world, copy === 0 ? {} : { again: true })
      expect({
        seed,
        copy,
        rows: (await world.rows('select * from things')).toSorted(),
        quarantine: await world.quarantine(),
      }).toEqual({ seed, copy, ...expected() })
    }
  }
})

test('rows that were there before stay as they are, unless the mapping may update them', async () => {
  const plan = (existing: string) => `version: 1
plan: data
mappings:
  - from: [{ match: 'a:{id}' }, { match: 'b:{id}' }]
    type: string
    into: totals
    existing: ${existing}
    merge: { n: sum }
    fields: { id: $id, n: $value | int }
`
  const world = makeWorld({
    plan: plan('keep'),
    schema: 'CREATE TABLE totals (id text PRIMARY KEY, n integer, note text);',
    database: database.url,
    entries: [string('a:1', '1'), string('b:1', '2'), string('a:2', '10'), string('b:2', '20')],
    batchRows: 1,
  })
  worlds.push(world)
  await database.query(
    "create table totals (id text primary key, n integer, note text); insert into totals values ('1', 100, 'mine')",
  )
  await applied(world)
  expect(await world.rows('select * from totals order by id')).toEqual(['1 100 mine', '2 30 null'])
  expect(await world.quarantine()).toEqual(['EXISTING_ROW a:1', 'EXISTING_ROW b:1'])
  world.edit({ 'plans/data.yaml': plan('update') })
  await applied(world)
  expect(await world.rows('select * from totals order by id')).toEqual(['1 3 mine', '2 30 null'])
  expect(await world.quarantine()).toEqual([])
  await world.rollback()
  expect(await world.rows('select * from totals order by id')).toEqual(['1 3 mine'])
})
