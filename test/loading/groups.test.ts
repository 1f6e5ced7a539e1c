import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { string } from '../sources/entries.ts'
import { shuffled } from './shuffle.ts'
import { applied, emptied, makeWorld, PROJECT, type World } from './world.ts'

/** What a mapping has does not depend on it alone: rules before it take keys away, rules behind it take its misfits, documents are whole. */

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

const DOCS = `version: 1
plan: docs
mappings:
  - { match: 'd:{id}', type: string, decode: json, into: docs, fields: { id: $id, title: t } }
  - match: d:{id}
    type: string
    decode: json
    each: items
    into: items
    key: [doc, position]
    fields: { doc: $id, position: $index, n: n }
  - { match: 'n:{id:int}', type: string, into: numbers, fields: { id: $id, word: $value } }
tables:
  docs: { columns: { id: text, title: text }, primary_key: [id] }
  items:
    columns: { doc: text, position: integer, n: integer not null }
    primary_key: [doc, position]
    references: [{ columns: [doc], to: docs(id) }]
  numbers: { columns: { id: bigint, word: text }, primary_key: [id] }
`
const before = (rule: string, plan = DOCS) => plan.replace('mappings:\n', `mappings:\n  - ${rule}\n`)
const behind = (rule: string, plan = DOCS) => plan.replace('tables:\n', `  - ${rule}\ntables:\n`)

const versions: Readonly<Record<string, string>> = {
  first: DOCS,
  'the other mapping takes more': DOCS.replace('n: n }', 'n: n | text | int }'),
  'the other mapping takes nothing': DOCS.replace('n: n }', 'n: m }'),
  'the other mapping leaves out records': DOCS.replace(
    'each: items\n',
    'each: items\n    where: "r.n != 3"\n',
  ),
  'the other mapping is gone': DOCS.replace(/ {2}- match: d:\{id\}\n(?: {4}.*\n)+/, ''),
  'a third mapping': behind(
    `{ match: 'd:{id}', type: string, decode: json, each: tags, into: tags, fields: { doc: $id, tag: $item } }`,
  ).replace(
    'tables:\n',
    'tables:\n  tags: { columns: { doc: text, tag: integer }, primary_key: [doc, tag] }\n',
  ),
  'the other table takes more': DOCS.replace('n: integer not null', 'n: integer'),
  'a rule before it': before(`{ match: 'd:a{_}', ignore: not these }`),
  'a rule before it, for another type': before(`{ match: 'd:a{_}', type: hash, ignore: not these }`),
  'a mapping before it, with a condition': before(
    `{ match: 'd:{which}', type: string, decode: json, where: "r.t == 'four'", into: fours, fields: { id: $which } }`,
  ).replace('tables:\n', 'tables:\n  fours: { columns: { id: text }, primary_key: [id] }\n'),
  'a rule behind it, for its misfits': behind(`{ match: 'n:{_}', ignore: no numbers }`),
}
const entries: readonly Entry[] = [
  ...['one', 'two', 'three', 'four'].map((t, at) =>
    string(
      `d:${t === 'two' ? 'a2' : t}`,
      JSON.stringify({ t, items: [{ n: at }, { n: at % 2 ? `${at}` : 3 }], tags: [at] }),
    ),
  ),
  string('d:empty', JSON.stringify({ t: 'empty', items: [] })),
  string('d:none', JSON.stringify({ t: 'none', items: [{}, { n: 1 }] })),
  string('d:tags', JSON.stringify({ t: 'tags', items: [{ n: 1 }], tags: ['x'] })),
  string('n:1', 'one'),
  string('n:many', 'not a number'),
]

const files = (plan: string) => ({ 'plans/docs.yaml': plan })

async function contents(it: World): Promise<Record<string, readonly string[]>> {
  const tables = await it.rows("select tablename from pg_tables where schemaname = 'public' order by 1")
  const found: Record<string, readonly string[]> = { quarantine: await it.quarantine() }
  for (const table of tables) found[table] = await it.rows(`select t::text from ${table} t order by 1`)
  return found
}

async function fresh(plan: string, of = entries): Promise<Record<string, readonly string[]>> {
  await emptied(database)
  const it = makeWorld({ files: files(plan), database: database.url, entries: of, batchRows: 3 })
  await applied(it)
  const found = await contents(it)
  it.remove()
  await emptied(database)
  return found
}

test('after every edit the tables are as after a first copy, and nothing more is to do', async () => {
  const expected = new Map<string, Record<string, readonly string[]>>()
  for (const [name, plan] of Object.entries(versions)) expected.set(name, await fresh(plan))
  world = makeWorld({ files: files(DOCS), database: database.url, entries, batchRows: 3 })
  await applied(world)
  for (const name of shuffled(Object.keys(versions), Number(process.env.KVMIG_TEST_SEED ?? 1)).flatMap(
    (it) => [it, 'first'],
  )) {
    world.edit(files(versions[name]!))
    await applied(world)
    expect({ name, ...(await contents(world)) }).toEqual({ name, ...expected.get(name)! })
  }
})

test('a rule of the project that takes misfits takes them from then on', async () => {
  world = makeWorld({ files: files(DOCS), database: database.url, entries })
  await applied(world)
  expect(await world.quarantine()).toContainEqual(expect.stringContaining('n:many'))
  world.edit({ 'migrations.yaml': `${PROJECT}ignore: [{ match: 'n:{_}', because: no numbers }]\n` })
  await applied(world)
  expect(await world.quarantine()).not.toContainEqual(expect.stringContaining('n:many'))
})

describe('rules that have nothing to do with its keys', () => {
  test.each([
    before(`{ match: 'e:{_}', ignore: others }`),
    behind(`{ match: 'd:{_}:{_}', ignore: others }`),
    behind(`{ match: 'n:{id:int}:{_}', ignore: others }`),
  ])('change nothing (%#)', async (plan) => {
    world = makeWorld({ files: files(DOCS), database: database.url, entries })
    await applied(world)
    world.edit(files(plan))
    const { steps } = await world.apply()
    expect(steps.filter((it) => it.status === 'done').map((it) => it.step.id)).toEqual([])
  })
})

describe('retry', () => {
  const mended = entries.map((it) =>
    it.key.toString() === 'd:a2'
      ? string('d:a2', JSON.stringify({ t: 'two', items: [{ n: 1 }, { n: 2 }] }))
      : it,
  )

  test('makes whole documents of data that was mended', async () => {
    const expected = await fresh(DOCS, mended)
    world = makeWorld({ files: files(DOCS), database: database.url, entries, batchRows: 3 })
    await applied(world)
    expect(await contents(world)).not.toEqual(expected)
    world.entries = mended
    await world.retry()
    expect(await contents(world)).toEqual(expected)
  })

  test('makes whole documents where the plan was mended, which is still to be applied', async () => {
    const plan = versions['the other mapping takes more']!
    const expected = await fresh(plan)
    world = makeWorld({ files: files(DOCS), database: database.url, entries, batchRows: 3 })
    await applied(world)
    world.edit(files(plan))
    const retried = await world.retry()
    expect(retried.filter((it) => it.edited).map((it) => it.step)).toEqual([
      'docs/A/backfill/docs',
      'docs/A/backfill/items',
    ])
    expect(await contents(world)).toEqual(expected)
    const { steps } = await applied(world)
    expect(steps.filter((it) => it.status === 'done').map((it) => it.step.id)).toContain(
      'docs/A/backfill/docs',
    )
    expect(await contents(world)).toEqual(expected)
  })

  test('of an edited mapping leaves the rows from before to the next apply', async () => {
    const plan = DOCS.replace('word: $value', 'word: $value | upper')
    world = makeWorld({ files: files(DOCS), database: database.url, entries })
    await applied(world)
    world.edit(files(plan))
    await world.retry()
    await applied(world)
    expect(await contents(world)).toEqual(await fresh(plan))
  })
})
