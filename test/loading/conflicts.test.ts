import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { hash, list, string } from '../sources/entries.ts'
import { ordersOf } from './shuffle.ts'
import { applied, emptied, makeWorld, type World } from './world.ts'

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

const worldOf = (plan: string, entries: readonly Entry[], batchRows: number): World => {
  const world = makeWorld({ plan, database: database.url, entries, batchRows })
  worlds.push(world)
  return world
}

/** Rows of one copy after the other, in several orders and sizes of batches; all have to be the same. */
async function everyWay(
  plan: string,
  entries: readonly Entry[],
  sql: string,
  check: (rows: readonly string[], quarantine: readonly string[], world: World) => Promise<void> | void,
): Promise<void> {
  for (const [place, order] of ordersOf(entries, 4).entries()) {
    await emptied(database)
    const world = worldOf(plan, order, [1, 1000, 2, 3][place]!)
    const { steps } = await applied(world)
    await check(await world.rows(sql), await world.quarantine(), world)
    const counts = steps
      .filter((it) => it.step.kind === 'backfill')
      .map((it) => it.counts as Record<string, number>)
    const sum = (word: string) => counts.reduce((total, it) => total + it[word]!, 0)
    expect(
      ['inserted', 'updated', 'unchanged', 'duplicate', 'rejected'].reduce((total, it) => total + sum(it), 0),
    ).toBe(entries.length)
    expect(sum('rejected')).toBe((await world.quarantine()).length)
    if (place !== 2) continue
    // The same records in another order, over what is there.
    world.entries = [...order].reverse()
    await applied(world, { again: true })
    await check(await world.rows(sql), await world.quarantine(), world)
    await world.retry()
    await check(await world.rows(sql), await world.quarantine(), world)
  }
}

describe('two keys of one mapping that give one row', () => {
  const plan = (conflict: string) => `version: 1
plan: data
mappings:
  - match: user:{id}
    type: string
    decode: json
    into: users
    conflict: ${conflict}
    fields: { id: $id | lower, name: n, at: t }
tables:
  users:
    columns: { id: text, name: text, at: integer }
    primary_key: [id]
`
  const user = (id: string, n: string, t: number | null = 0): Entry =>
    string(`user:${id}`, JSON.stringify({ n, t }))
  const apart = [user('p', 'p'), user('q', 'q'), user('s', 's')]

  test('are both quarantined under error, unless they are alike', async () => {
    const entries = [
      ...[user('aa', 'x'), user('AA', 'y')],
      ...[user('bb', 'x'), user('BB', 'x')],
      ...[user('cc', 'x'), user('Cc', 'x'), user('CC', 'y')],
      ...[user('dd', 'x'), user('Dd', 'y'), user('DD', 'z')],
      ...[user('ee', 'x'), user('Ee', 'x'), user('EE', 'x')],
      ...apart,
    ]
    const lost = ['aa', 'AA', 'cc', 'Cc', 'CC', 'dd', 'Dd', 'DD'].map((it) => `CONFLICT user:${it}`).sort()
    await everyWay(plan('error'), entries, 'select id, name from users order by id', (rows, quarantine) => {
      expect(rows).toEqual(['bb x', 'ee x', 'p p', 'q q', 's s'])
      expect(quarantine).toEqual(lost)
    })
  })

  test.each(['keep', 'update'])(
    'are both quarantined under %s too, which chooses between mappings',
    async (policy) => {
      const entries = [user('aa', 'x'), user('AA', 'y'), user('bb', 'x'), user('BB', 'x'), ...apart]
      await everyWay(plan(policy), entries, 'select id, name from users order by id', (rows, quarantine) => {
        expect(rows).toEqual(['bb x', 'p p', 'q q', 's s'])
        expect(quarantine).toEqual(['CONFLICT user:AA', 'CONFLICT user:aa'])
      })
    },
  )

  test.each([
    ['newest', ['aa y 2', 'cc z 3', 'dd y -5', 'ee x 256', 'gg x 4']],
    ['greatest', ['aa y 2', 'cc z 3', 'dd y -5', 'ee x 256', 'gg x 4']],
    ['least', ['aa x 1', 'dd y -5', 'ee y -2', 'gg x 4', 'hh w 1']],
  ])('are decided by the column of %s, wherever that differs', async (policy, stand) => {
    const entries = [
      ...[user('aa', 'x', 1), user('AA', 'y', 2)],
      ...[user('cc', 'x', 2), user('Cc', 'y', 2), user('CC', 'z', 3)],
      ...[user('dd', 'x', null), user('Dd', 'y', -5), user('DD', 'z', null)],
      ...[user('ee', 'x', 256), user('EE', 'y', -2)],
      ...[user('ff', 'x', null), user('FF', 'y', null)],
      ...[user('gg', 'x', 4), user('GG', 'x', 4)],
      ...[user('hh', 'w', 1), user('Hh', 'y', 2), user('HH', 'z', 2)],
      ...apart,
    ]
    const ties = policy === 'least' ? ['cc', 'Cc', 'CC', 'ff', 'FF'] : ['ff', 'FF', 'hh', 'Hh', 'HH']
    await everyWay(plan(`${policy}(at)`), entries, 'select * from users order by id', (rows, quarantine) => {
      expect(rows).toEqual([...stand, 'p p 0', 'q q 0', 's s 0'])
      expect(quarantine).toEqual(ties.map((it) => `CONFLICT user:${it}`).sort())
    })
  })

  test('are one again when the other is gone, or agrees', async () => {
    const world = worldOf(
      plan('error'),
      [user('aa', 'x'), user('AA', 'y'), user('bb', 'x'), user('BB', 'y'), user('Bb', 'y'), ...apart],
      2,
    )
    await applied(world)
    expect(await world.rows('select id from users order by id')).toEqual(['p', 'q', 's'])
    world.entries = [user('aa', 'x'), user('bb', 'y'), user('BB', 'y'), user('Bb', 'y'), ...apart]
    await world.retry()
    expect(await world.quarantine()).toEqual([])
    expect(await world.rows('select id, name from users order by id')).toEqual([
      'aa x',
      'bb y',
      'p p',
      'q q',
      's s',
    ])
    await applied(world)
  })

  test('fight again when one of them changes', async () => {
    const world = worldOf(plan('error'), [user('aa', 'x'), user('AA', 'x'), ...apart], 1)
    await applied(world)
    for (const changed of [
      [user('aa', 'y'), user('AA', 'x')],
      [user('AA', 'x'), user('aa', 'y')],
    ]) {
      world.entries = [...changed, ...apart]
      await applied(world, { again: true })
      expect(await world.quarantine()).toEqual(['CONFLICT user:AA', 'CONFLICT user:aa'])
      expect(await world.rows('select id from users order by id')).toEqual(['p', 'q', 's'])
    }
    world.entries = [user('AA', 'z'), user('aa', 'z'), ...apart]
    await applied(world, { again: true })
    expect(await world.rows('select id, name from users order by id')).toEqual(['aa z', 'p p', 'q q', 's s'])
  })

  test('let the older one have the row when the newest falls behind', async () => {
    const world = worldOf(plan('newest(at)'), [user('aa', 'x', 1), user('AA', 'y', 2), ...apart], 1)
    await applied(world)
    for (const entries of [
      [user('aa', 'x', 1), user('AA', 'y', 0)],
      [user('AA', 'y', 3), user('aa', 'x', 1)],
      [user('AA', 'y', 0), user('aa', 'x', 1)],
    ]) {
      world.entries = [...entries, ...apart]
      await applied(world, { again: true })
    }
    expect(await world.rows("select id, name from users where id = 'aa'")).toEqual(['aa x'])
  })
})

describe('mappings that give one row', () => {
  const plan = (first: string, second: string, third = second) => `version: 1
plan: data
mappings:
  - match: new:{id}
    type: string
    decode: json
    into: users
    conflict: ${first}
    fields: { id: $id, name: n, at: t, extra: e }
  - match: old:{id}
    type: string
    decode: json
    into: users
    conflict: ${second}
    fields: { at: t, id: $id | lower, name: n }
  - match: oldest:{id}
    type: hash
    into: users
    conflict: ${third}
    fields: { id: $id, name: n }
tables:
  users:
    columns: { id: text, name: text, at: integer, extra: text }
    primary_key: [id]
`
  const record = (key: string, n: string, t = 0, e?: string): Entry =>
    string(key, JSON.stringify({ n, t, e }))
  const oldest = (id: string, n: string): Entry => hash(`oldest:${id}`, ['n', n])
  const entries = [
    ...[record('new:a', 'first', 1, 'e'), record('old:a', 'second', 2), oldest('a', 'third')],
    ...[record('new:b', 'first', 2), record('old:b', 'second', 1)],
    ...[record('old:c', 'second'), oldest('c', 'third')],
    ...[record('old:d', 'one'), record('old:D', 'two'), oldest('d', 'third')],
    ...[record('new:f', 'same', 0, 'e'), record('old:f', 'same', 0), oldest('f', 'same')],
    ...[record('new:g', 'first'), oldest('h', 'third')],
  ]

  test.each([
    [
      'keep',
      [
        'a first 1 e',
        'b first 2 null',
        'c second 0 null',
        'f same 0 e',
        'g first 0 null',
        'h third null null',
      ],
      ['old:D', 'old:d', 'oldest:d'],
    ],
    [
      'update',
      [
        'a third 2 e',
        'b second 1 null',
        'c third 0 null',
        'd third null null',
        'f same 0 e',
        'g first 0 null',
        'h third null null',
      ],
      [],
    ],
    [
      'error',
      ['f same 0 e', 'g first 0 null', 'h third null null'],
      ['new:a', 'new:b', 'old:D', 'old:a', 'old:b', 'old:c', 'old:d', 'oldest:a', 'oldest:c', 'oldest:d'],
    ],
  ])('go by their place in the file under %s', async (policy, stand, lost) => {
    await everyWay(
      plan(policy, policy),
      entries,
      'select id, name, at, extra from users order by id',
      (rows, quarantine) => {
        expect(quarantine).toEqual(lost.map((it) => `CONFLICT ${it}`))
        expect(rows).toEqual(stand)
      },
    )
  })

  test('each have their say with a policy of their own', async () => {
    await everyWay(
      plan('error', 'newest(at)', 'keep'),
      entries,
      'select id, name from users order by id',
      (rows, quarantine) => {
        expect(rows).toEqual(['a second', 'b first', 'c second', 'f same', 'g first', 'h third'])
        expect(quarantine).toEqual(['CONFLICT old:D', 'CONFLICT old:d', 'CONFLICT oldest:d'])
      },
    )
  })
})

test('in one entry, the same twice is one row, and two rows of one key are neither', async () => {
  const plan = `version: 1
plan: data
mappings:
  - match: tags:{user}
    each: item
    into: tags
    fields: { owner: $user, tag: $value }
  - match: notes:{user}
    type: string
    decode: json
    each: notes
    into: notes
    fields: { owner: $user, id: id, text: text }
tables:
  tags: { columns: { owner: text, tag: text }, primary_key: [owner, tag] }
  notes: { columns: { owner: text, id: integer, text: text }, primary_key: [owner, id] }
`
  const entries = [
    list('tags:ann', ['red', 'blue', 'red', 'red']),
    string(
      'notes:ann',
      JSON.stringify({
        notes: [
          { id: 1, text: 'a' },
          { id: 2, text: 'b' },
          { id: 1, text: 'a' },
          { id: 2, text: 'c' },
        ],
      }),
    ),
  ]
  for (const batchRows of [1, 1000]) {
    await emptied(database)
    const world = worldOf(plan, entries, batchRows)
    await applied(world)
    await applied(world, { again: true })
    expect(await world.rows('select owner, tag from tags order by tag')).toEqual(['ann blue', 'ann red'])
    expect(await world.rows('select owner, id, text from notes order by id')).toEqual(['ann 1 a'])
    expect(await world.quarantine()).toEqual(['CONFLICT notes:ann index:1', 'CONFLICT notes:ann index:3'])
  }
})
