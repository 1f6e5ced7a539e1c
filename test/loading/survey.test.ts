import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { memorySource } from '../../src/sources/memory.ts'
import type { Entry, Page, Source } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { hash, list, set, stream, string, zset } from '../sources/entries.ts'
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

const json = (key: string, value: unknown, expiresAt: number | null = null): Entry =>
  string(key, JSON.stringify(value), expiresAt)

const plan = (mapping: string, table: string) => `version: 1
plan: data
mappings:
  - { ${mapping}, into: things }
tables:
  things: { ${table} }
`

/** One way of making records each: its plan, its entries, and the record that is planted, as the survey names it. */
const kinds: Readonly<
  Record<string, { plan: string; entries: readonly Entry[]; record: string; where: string }>
> = {
  'a whole entry': {
    plan: plan(
      "match: 't:{id}', type: string, fields: { id: $id, value: $value }",
      'columns: { id: text, value: text }, primary_key: [id]',
    ),
    entries: Array.from({ length: 9 }, (_, it) => string(`t:${it}`, `v${it}`)),
    record: 't:4',
    where: "id = '4'",
  },
  'a key that is not kept apart': {
    plan: plan(
      "match: 't:{id}', type: string, fields: { id: $id | lower, value: $value }",
      'columns: { id: text, value: text }, primary_key: [id]',
    ),
    entries: Array.from({ length: 9 }, (_, it) => string(`t:K${it}`, `v${it}`)),
    record: 't:K4',
    where: "id = 'k4'",
  },
  'a composite key': {
    plan: plan(
      "match: 't:{d:date}:{n:int}', type: string, fields: { n: $n, day: $d, value: $value }",
      'columns: { day: date, n: bigint, value: text }, primary_key: [day, n]',
    ),
    entries: Array.from({ length: 9 }, (_, it) => string(`t:2026-01-0${it + 1}:${it}`, `v${it}`)),
    record: 't:2026-01-05:4',
    where: 'n = 4',
  },
  'each: field': {
    plan: plan(
      "match: 't:{id}', type: hash, each: field, fields: { id: $id, part: $field, value: $value }",
      'columns: { id: text, part: text, value: text }, primary_key: [id, part]',
    ),
    entries: [hash('t:1', ['a', 'x', 'b:/ü', 'y', 'c', 'z']), hash('t:2', ['b:/ü', 'y'])],
    record: 't:1 field:b:/ü',
    where: "id = '1' and part = 'b:/ü'",
  },
  'each: item': {
    plan: plan(
      "match: 't:{id}', type: list, each: item, fields: { id: $id, part: $index, value: $value }",
      'columns: { id: text, part: integer, value: text }, primary_key: [id, part]',
    ),
    entries: [list('t:1', ['x', 'y', 'y', 'z']), list('t:2', ['x'])],
    record: 't:1 index:3',
    where: "id = '1' and part = 3",
  },
  'each: member of a set': {
    plan: plan(
      "match: 't:{id}', type: set, each: member, fields: { id: $id, part: $member, value: const(v) }",
      'columns: { id: text, part: text, value: text }, primary_key: [id, part]',
    ),
    entries: [set('t:1', ['x', 'y', 'z']), set('t:2', ['y'])],
    record: 't:1 member:y',
    where: "id = '1' and part = 'y'",
  },
  'each: member of a sorted set': {
    plan: plan(
      "match: 't:{id}', type: zset, each: member, fields: { id: $id, part: $member, value: $score }",
      'columns: { id: text, part: text, value: double precision }, primary_key: [id, part]',
    ),
    entries: [
      zset('t:1', [
        ['x', 1],
        ['y', 2.5],
      ]),
      zset('t:2', [['y', 2]]),
    ],
    record: 't:1 member:y',
    where: "id = '1' and part = 'y'",
  },
  'each: message': {
    plan: plan(
      "match: 't:{id}', type: stream, each: message, fields: { id: $id, part: $message, value: v }",
      'columns: { id: text, part: text, value: text }, primary_key: [id, part]',
    ),
    entries: [
      stream('t:1', [
        ['5-1', ['v', 'x']],
        ['5-2', ['v', 'y']],
      ]),
      stream('t:2', [['5-2', ['v', 'y']]]),
    ],
    record: 't:1 message:5-2',
    where: "id = '1' and part = '5-2'",
  },
  'each: a path': {
    plan: plan(
      "match: 't:{id}', type: string, decode: json, each: games.*, fields: { id: $id, part: $name, value: score | text }",
      'columns: { id: text, part: text, value: text }, primary_key: [id, part]',
    ),
    entries: [
      json('t:1', { games: { chess: { score: '1' }, go: { score: '2' } } }),
      json('t:2', { games: { go: { score: '2' } } }),
    ],
    record: 't:1 field:go',
    where: "id = '1' and part = 'go'",
  },
  'a list inside, whose elements have ids': {
    plan: plan(
      "match: 't:{id}', type: string, decode: json, each: items, fields: { id: $id, part: id, value: v }",
      'columns: { id: text, part: integer, value: text }, primary_key: [id, part]',
    ),
    entries: [
      json('t:1', {
        items: [
          { id: 7, v: 'x' },
          { id: 8, v: 'y' },
        ],
      }),
      json('t:2', { items: [{ id: 8, v: 'y' }] }),
    ],
    record: 't:1 index:1',
    where: "id = '1' and part = 8",
  },
}

describe.each(Object.entries(kinds))('the survey of %s', (_, { plan, entries, record, where }) => {
  test('finds exactly the row that is missing, different or extra, and its record', async () => {
    world = makeWorld({ plan, database: database.url, entries, batchRows: 3 })
    await applied(world)
    await world.execute('create table public.spare as select * from things')
    await world.execute(`delete from things where ${where}`)
    expect((await world.survey()).differences).toEqual([`missing ${record}`])
    await world.execute('insert into things select * from spare on conflict do nothing')
    expect((await world.survey()).differences).toEqual([])
    await world.execute(`update things set value = '77' where ${where}`)
    expect((await world.survey()).differences).toEqual([`different ${record}`])
    await world.execute(`delete from things where ${where}`)
    await world.execute('insert into things select * from spare on conflict do nothing')
    world.entries = without(entries, record)
    const { differences, tables } = await world.survey()
    expect(differences).toEqual([`extra ${record}`])
    expect(tables[0]!.actual - tables[0]!.expected).toBe(1)
  })
})

function without(entries: readonly Entry[], record: string): readonly Entry[] {
  const [key, part] = record.split(/ (.*)/)
  return entries.flatMap((it) =>
    it.key.toString() !== key ? [it] : part === undefined ? [] : [less(it, part)],
  )
}

function less(entry: Entry, part: string): Entry {
  const name = part.slice(part.indexOf(':') + 1)
  const value = entry.value!
  const key = entry.key.toString()
  switch (value.type) {
    case 'hash':
      return hash(
        key,
        value.pairs.filter((_, at) => value.pairs[at - (at % 2)]!.toString() !== name),
      )
    case 'list':
      return list(
        key,
        value.items.filter((_, at) => at < Number(name)),
      )
    case 'set':
      return set(
        key,
        value.members.filter((it) => it.toString() !== name),
      )
    case 'zset':
      return zset(
        key,
        value.members.flatMap((it, at) => (it.toString() === name ? [] : [[it, value.scores[at]!] as const])),
      )
    case 'stream':
      return stream(
        key,
        value.messages.filter((it) => it.id !== name).map((it) => [it.id, it.pairs] as const),
      )
    case 'string': {
      const document = JSON.parse(value.bytes.toString())
      if (document.games) delete document.games[name]
      else document.items.splice(Number(name), 1)
      return json(key, document)
    }
  }
}

/** A source that gives each page as it is made of the one below. */
function changed(
  entries: readonly Entry[],
  pageSize: number,
  change: (page: Page) => readonly Page[],
): Source {
  const source = memorySource(entries, undefined, { pageSize, partSize: 4 })
  const through = async function* (pages: AsyncIterable<Page>): AsyncIterable<Page> {
    for await (const page of pages) yield* change(page)
  }
  return {
    label: source.label,
    identity: () => source.identity(),
    scan: (selection, from) => through(source.scan(selection, from)),
    read: (keys) => source.read(keys),
    commands: () => 0,
    close: () => source.close(),
  }
}

const BOTH = `version: 1
plan: data
mappings:
  - { match: 't:{id}', type: hash, each: field, into: things, fields: { id: $id, part: $field, value: $value } }
  - { match: 'user:{id}', type: string, into: users, fields: { id: $id | lower, name: $value } }
tables:
  things: { columns: { id: text, part: text, value: text }, primary_key: [id, part] }
  users: { columns: { id: text, name: text }, primary_key: [id] }
`
const big = (id: string, fields: number) =>
  hash(`t:${id}`, Array.from({ length: fields }, (_, it) => [`f${it}`, `v${it}`]).flat())
const mixed = [
  big('1', 11),
  string('user:a', 'x'),
  big('2', 4),
  string('user:B', 'y'),
  big('3', 9),
  string('user:C', 'z'),
  string('user:c', 'z'),
]

describe('a source that gives', () => {
  test('keys twice is counted once (H06)', async () => {
    for (const entries of [
      [...mixed, ...mixed],
      mixed.flatMap((it) => [it, it]),
      [...mixed, ...mixed.toReversed()],
    ]) {
      await emptied(database)
      world?.remove()
      world = makeWorld({
        plan: BOTH,
        database: database.url,
        entries,
        batchRows: 5,
        openSource: (entries, pageSize) => changed(entries, pageSize, (page) => [page]),
      })
      await applied(world)
      const { fates, surveys } = await world.survey()
      expect(surveys[0]!.keys).toBe(7)
      expect(new Set(Object.values(fates))).toEqual(new Set(['migrated']))
      expect(surveys[0]!.fates).toMatchObject({ migrated: 7, quarantined: 0 })
      expect(await world.rows('select count(*) from things')).toEqual(['24'])
    }
  })

  test('a collection from the beginning again means what it gives last', async () => {
    // The list was longer when it was read first, and its second half changed meanwhile.
    const anew = (page: Page): readonly Page[] => {
      const [entry] = page.entries
      if (entry?.key.toString() !== 'l:1' || entry.offset > 0) return [page]
      const before = { ...entry, value: list('l:1', ['void', 'void', 'void', 'void']).value!, more: true }
      const gone = { ...before, key: Buffer.from('l:gone') }
      return [{ entries: [gone], expired: 0 }, { entries: [before], expired: 0 }, page]
    }
    const plan = `version: 1
plan: data
mappings:
  - { match: 'l:{id}', type: list, each: item, into: things, fields: { id: $id, place: $index, value: $value } }
tables:
  things: { columns: { id: text, place: integer, value: text }, primary_key: [id, place] }
`
    world = makeWorld({
      plan,
      database: database.url,
      entries: [list('l:0', ['x']), list('l:1', ['a', 'b', 'c', 'd', 'e']), list('l:2', ['y'])],
      batchRows: 100,
      openSource: (entries) => changed(entries, 1, anew),
    })
    const { steps } = await world.apply()
    expect(await world.rows('select id, value from things order by id, place')).toEqual([
      '0 x',
      '1 a',
      '1 b',
      '1 c',
      '1 d',
      '1 e',
      '2 y',
    ])
    expect(steps.find((it) => it.step.kind === 'backfill')!.counts).toMatchObject({ keys: 3, inserted: 7 })
    const { fates, differences, tables } = await world.survey()
    expect(differences).toEqual([])
    expect(tables[0]).toMatchObject({ expected: 7, actual: 7, matching: 7 })
    expect(fates).toEqual({ 'l:0': 'migrated', 'l:1': 'migrated', 'l:2': 'migrated' })
  })
})

test('every key has exactly one fate, and the sums are those of the source', async () => {
  const plans = {
    'migrations.yaml': `version: 1
sources: { kv: "\${KV_URL}" }
target: \${DATABASE_URL}
plans: plans/*.yaml
ignore: [{ match: 'log:{_:rest}', because: noise }]
index: [{ match: 'by-name:{_}', because: a mirror }]
ephemeral: [{ match: 'session:{_}', because: short }]
`,
    'plans/a.yaml': BOTH,
    'plans/b.yaml': `version: 1
plan: other
mappings:
  - { match: 'score:{id}', type: string, into: scores, fields: { id: $id, score: $value | int } }
  - { match: 'games:{id}', type: string, decode: json, each: games, into: games, fields: { id: $id, place: $index, score: score } }
  - { match: 'scored:{_}', ignore: old }
tables:
  scores: { columns: { id: text, score: integer }, primary_key: [id] }
  games: { columns: { id: text, place: integer, score: integer }, primary_key: [id, place] }
`,
  }
  const past = Date.now() - 60_000
  const entries = [
    ...mixed,
    ...[string('score:a', '1'), string('score:b', 'x'), string('score:c', '3', past), list('score:d', ['1'])],
    ...[
      json('games:a', { games: [{ score: 1 }, { score: 'x' }] }),
      json('games:b', {}),
      json('games:c', { games: [{ score: 'x' }] }),
    ],
    ...[
      string('log:a:b', ''),
      string('by-name:x', ''),
      string('session:1', ''),
      string('scored:1', ''),
      string('what:1', ''),
      hash('who', ['a', 'b']),
    ],
  ]
  world = makeWorld({ files: plans, database: database.url, entries, batchRows: 4 })
  await applied(world)
  const { fates, surveys } = await world.survey()
  expect(Object.entries(fates).filter(([, fate]) => fate !== 'migrated')).toEqual([
    ['score:b', 'quarantined'],
    ['score:c', 'expired'],
    ['score:d', 'quarantined'],
    ['games:a', 'partial'],
    ['games:c', 'quarantined'],
    ['log:a:b', 'ignored'],
    ['by-name:x', 'index'],
    ['session:1', 'ephemeral'],
    ['scored:1', 'ignored'],
    ['what:1', 'uncovered'],
    ['who', 'uncovered'],
  ])
  const { keys, fates: sums } = surveys[0]!
  expect(keys).toBe(entries.length)
  expect(Object.values(sums).reduce((a, b) => a + b)).toBe(entries.length)
  expect(sums).toEqual({
    migrated: 9,
    partial: 1,
    quarantined: 3,
    expired: 1,
    index: 1,
    ephemeral: 1,
    ignored: 2,
    uncovered: 2,
  })
})

test('records that the table refuses are in the quarantine, whatever else is wrong with their keys', async () => {
  const plan = `version: 1
plan: data
mappings:
  - { match: 't:{id}', type: hash, each: field, into: things, fields: { id: $id, part: $field, value: $value | int } }
tables:
  things: { columns: { id: text, part: text, value: integer }, primary_key: [id, part], checks: ['value < 100'] }
`
  const entries = [
    hash('t:fine', ['a', '1', 'b', '2']),
    hash('t:some', ['a', '1', 'b', '200', 'c', '3']),
    hash('t:all', ['a', '100', 'b', '200']),
    hash('t:mixed', ['a', 'x', 'b', '200']),
    hash('t:both', ['a', 'x', 'b', '200', 'c', '3']),
    ...Array.from({ length: 50 }, (_, it) => hash(`t:${it}`, ['a', String(it)])),
  ]
  world = makeWorld({ plan, database: database.url, entries, batchRows: 7 })
  await applied(world)
  const fates = {
    't:fine': 'migrated',
    't:some': 'partial',
    't:all': 'quarantined',
    't:mixed': 'quarantined',
    't:both': 'partial',
  }
  const survey = await world.survey()
  expect(survey.fates).toMatchObject(fates)
  expect(survey.differences).toEqual([])
  expect(survey.tables[0]).toMatchObject({ expected: 55, actual: 55, matching: 55 })
  expect(survey.surveys[0]!.fates).toMatchObject({ migrated: 51, partial: 2, quarantined: 2 })

  // Differences beside them are told one by one, and nothing else is.
  await world.execute(`delete from things where id = '7'; update things set value = 9 where id = 'some' and part = 'c';
    insert into things values ('gone', 'a', 1)`)
  const after = await world.survey()
  expect(after.differences).toEqual([
    'different t:some field:c',
    'extra t:gone field:a',
    'missing t:7 field:a',
  ])
  expect(after.tables[0]).toMatchObject({ expected: 55, actual: 55, matching: 53 })
  expect(after.fates).toMatchObject(fates)
})

test('rows of the application are neither missing nor extra, and those of a plan that was not asked about are its own', async () => {
  const schema = 'create table users (id text primary key, name text);'
  const users = (name: string, match: string) => `version: 1
plan: ${name}
mappings:
  - { match: '${match}:{id}', type: string, into: users, conflict: keep, fields: { id: $id, name: $value } }
`
  await database.query(
    `${schema} insert into users select 'own' || it, 'theirs' from generate_series(1, 50) it`,
  )
  world = makeWorld({
    schema,
    files: { 'plans/a.yaml': users('a', 'a'), 'plans/b.yaml': users('b', 'b') },
    database: database.url,
    entries: [string('a:1', 'x'), string('b:1', 'y'), string('b:2', 'y'), string('a:own1', 'theirs')],
  })
  await applied(world)
  const { findings } = await world.apply({ plans: ['a'] })
  expect(
    [...findings.values()].flat().filter((it) => it.status !== 'pass' && it.check !== 'coverage'),
  ).toEqual([])
  await world.execute("delete from users where id in ('own7', '2')")
  expect((await world.survey()).differences).toEqual(['missing b:2'])
})

test('what a policy would decide otherwise today is different', async () => {
  const plan = `version: 1
plan: data
mappings:
  - { match: 'user:{id}', type: string, decode: json, into: users, conflict: newest(at), fields: { id: $id | lower, name: n, at: t } }
tables:
  users: { columns: { id: text, name: text, at: integer }, primary_key: [id] }
`
  const user = (id: string, n: string, t: number) => json(`user:${id}`, { n, t })
  world = makeWorld({
    plan,
    database: database.url,
    entries: [user('a', 'x', 1), user('A', 'y', 2), user('b', 'x', 1)],
  })
  await applied(world)
  world.entries = [user('a', 'x', 3), user('A', 'y', 2), user('b', 'x', 1), user('B', 'y', 0)]
  const { differences, tables } = await world.survey()
  // The older one is newer now; another that nobody knew has come and would give way: it was not copied, and nobody can say so.
  expect(differences).toEqual(['different user:B', 'different user:a'])
  expect(tables[0]).toMatchObject({ actual: 2, matching: 2 })
  await applied(world, { again: true })
})
