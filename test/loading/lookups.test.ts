import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { memorySource } from '../../src/sources/memory.ts'
import type { Entry, Source } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { hash, list, set, string, zset } from '../sources/entries.ts'
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

const PLAN = `version: 1
plan: data
mappings:
  - match: 'job:{id:int}'
    type: hash
    into: jobs
    fields:
      id: $id
      state: "first_of({ waiting: 'jobs:waiting', done: 'jobs:done' }, $id)"
      priority: score('jobs:priority', $key)
      team: owner('team:{t}', $id)
      note: get('note:{$id}')
tables:
  jobs: { columns: { id: integer, state: text, priority: numeric, team: text, note: text }, primary_key: [id] }
`
const ids = Array.from({ length: 200 }, (_, id) => id)
const ENTRIES: readonly Entry[] = [
  ...ids.map((id) => hash(`job:${id}`, ['x', 'y'])),
  list('jobs:waiting', ids.filter((id) => id % 3 === 0).map(String)),
  set('jobs:done', ids.filter((id) => id % 3 === 1).map(String)),
  zset(
    'jobs:priority',
    ids.filter((id) => id % 2 === 0).map((id) => [`job:${id}`, id / 4] as const),
  ),
  set('team:red', ids.filter((id) => id % 5 === 0).map(String)),
  ...ids.filter((id) => id % 7 === 0).map((id) => string(`note:${id}`, `note ${id}`)),
]
const UNMAPPED = PLAN.replace('tables:', '    unmapped: { drop: [x], because: of no use }\ntables:')
const ROWS = 'select * from jobs order by id'

const expected = ids.map((id) =>
  [
    id,
    ['waiting', 'done', 'null'][id % 3],
    id % 2 === 0 ? id / 4 : 'null',
    id % 5 === 0 ? 'red' : 'null',
    id % 7 === 0 ? `note ${id}` : 'null',
  ].join(' '),
)

/** Lets go of its reader before the page of this number, the first time it is asked. */
function cutAt(number: number) {
  let pages = 0
  return (entries: readonly Entry[], pageSize: number): Source => {
    const source = memorySource(entries, undefined, { pageSize })
    return {
      label: source.label,
      identity: async () => 'memory:the same',
      scan: async function* (selection, from) {
        for await (const page of source.scan(selection, from)) {
          pages += 1
          if (pages === number) throw new SourceError('SOURCE_LOST', 'The source is gone.')
          yield page
        }
      },
      read: (keys) => source.read(keys),
      commands: () => 0,
      close: () => source.close(),
    }
  }
}

test('the rows have what the other keys say, and the survey finds the same', async () => {
  world = makeWorld({ plan: UNMAPPED, database: database.url, entries: ENTRIES, batchRows: 30 })
  await applied(world)
  expect(await world.rows(ROWS)).toEqual(expected)
  const { differences, fates } = await world.survey()
  expect(differences).toEqual([])
  expect(new Set(Object.values(fates))).toEqual(new Set(['migrated']))
})

test.each([1, 2, 4, 7, 10])('cut off at page %i, it goes on to the same rows', async (page) => {
  world = makeWorld({
    plan: UNMAPPED,
    database: database.url,
    entries: ENTRIES,
    batchRows: 30,
    openSource: cutAt(page),
  })
  await world.apply()
  await applied(world)
  expect(await world.rows(ROWS)).toEqual(expected)
  expect((await world.survey()).differences).toEqual([])
})

test('a second run changes nothing', async () => {
  world = makeWorld({ plan: UNMAPPED, database: database.url, entries: ENTRIES, batchRows: 30 })
  await applied(world)
  const before = await world.rows('select xmin, * from jobs order by id')
  await applied(world, { again: true })
  expect(await world.rows('select xmin, * from jobs order by id')).toEqual(before)
})

test('a key that says something else by now is a difference, and a run mends it', async () => {
  world = makeWorld({ plan: UNMAPPED, database: database.url, entries: ENTRIES, batchRows: 30 })
  await applied(world)
  world.entries = [...ENTRIES.filter((it) => String(it.key) !== 'note:7'), string('note:7', 'another')]
  expect((await world.survey()).differences).toEqual(['different job:7'])
  await applied(world, { again: true })
  expect(await world.rows('select note from jobs where id = 7')).toEqual(['another'])
  expect((await world.survey()).differences).toEqual([])
})

test('a record whose other key is of the wrong type waits in quarantine, and is replayed', async () => {
  const wrong = [...ENTRIES.filter((it) => String(it.key) !== 'note:7'), set('note:7', ['a'])]
  world = makeWorld({ plan: UNMAPPED, database: database.url, entries: wrong, batchRows: 30 })
  await world.apply()
  expect(await world.quarantine()).toEqual(['KEY_TYPE_MISMATCH job:7'])
  world.entries = ENTRIES
  await world.retry()
  expect(await world.quarantine()).toEqual([])
  expect(await world.rows(ROWS)).toEqual(expected)
})
