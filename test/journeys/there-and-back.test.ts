import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redis } from '../../src/sources/redis.ts'
import type { Entry } from '../../src/sources/source.ts'
import { projectFolder } from '../setup/cli.ts'
import { prepareFolder } from '../setup/pglite.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { runCli } from '../setup/run-cli.ts'
import { byKey, entriesOf, hash, list, set, stream, string, zset } from '../sources/entries.ts'
import { writeEntries } from '../sources/redis-commands.ts'

const LATER = 2_000_000_000_000

/** Every shape that has a way back, and two that have none. */
const PLAN = `version: 1
plan: shapes
mappings:
  - { match: 'text:{id}', type: string, into: texts, fields: { id: $id, v: $value, until: $expires_at } }
  - { match: 'bytes:{id}', type: string, decode: bytes, into: raws, fields: { id: $id, v: $value } }
  - match: doc:{id}
    decode: json
    into: docs
    fields:
      id: $id
      name: name
      cents: cents | scale(2)
      at: at | epoch_ms
      day: day | date
      ok: ok
      tags: tags
      ratio: ratio
      small: small
      uuid: uuid
      more: rest()
  - { match: 'object:{id}', type: hash, into: objects, fields: { id: $id, name: name, n: n | int, until: $expires_at } }
  - { match: messages, each: field, decode: json, into: messages, fields: { id: $field, body: body, n: n } }
  - { match: 'members:{team}', type: set, each: member, into: members, key: [team, who], fields: { team: $team, who: $member } }
  - { match: 'score:{board}', type: zset, each: member, into: scores, key: [board, who], fields: { board: $board, who: $member, score: $score } }
  - { match: 'items:{id}', each: item, into: items, key: [id, place], fields: { id: $id, place: $index, v: $item } }
  - { match: 'log:{id}', each: message, into: log, key: [id, message], fields: { id: $id, message: $message, what: what, by: by } }
  - { match: 'nick:{id}', type: string, into: nicks, fields: { id: $id, v: $value | lower } }
  - { match: 'bag:{id}', each: item, into: bag, key: [id, v], fields: { id: $id, v: $item } }
tables:
  texts: { columns: { id: text, v: text not null, until: timestamptz }, primary_key: [id] }
  raws: { columns: { id: text, v: bytea not null }, primary_key: [id] }
  docs:
    columns: { id: text, name: text, cents: 'numeric(12,2)', at: timestamptz, day: date, ok: boolean, tags: 'text[]', ratio: double precision, small: real, uuid: uuid, more: jsonb }
    primary_key: [id]
  objects: { columns: { id: text, name: text, n: bigint, until: timestamptz }, primary_key: [id] }
  messages: { columns: { id: text, body: text, n: integer }, primary_key: [id] }
  members: { columns: { team: text, who: text }, primary_key: [team, who] }
  scores: { columns: { board: text, who: text, score: double precision }, primary_key: [board, who] }
  items: { columns: { id: text, place: integer, v: text }, primary_key: [id, place] }
  log: { columns: { id: text, message: text, what: text, by: text }, primary_key: [id, message] }
  nicks: { columns: { id: text, v: text }, primary_key: [id] }
  bag: { columns: { id: text, v: text }, primary_key: [id, v] }
`
const TABLES = ['texts', 'raws', 'docs', 'objects', 'messages', 'members', 'scores', 'items', 'log']

const REVERSIBLE: readonly Entry[] = [
  string('text:a', 'plain é 😀'),
  string('text:with:colon'.replace('with:', 'with-'), '', LATER),
  string('bytes:1', Buffer.from([0, 255, 10, 128])),
  string(
    'doc:1',
    '{"name":"Ann","cents":1250,"at":1767830400123,"day":"2026-01-08","ok":false,"tags":["x","y, z","\\"q\\""],"ratio":0.1,"small":1.5,"uuid":"0190f5fe-7c00-7a00-8000-0123456789ab","extra":{"deep":[1,{"a":12345678901234567890}]}}',
  ),
  string('doc:2', '{"name":"Bo","cents":-5,"ratio":1e+300,"tags":[]}'),
  string('doc:3', '{"cents":0}'),
  hash('object:1', ['name', 'Ann', 'n', '9007199254740993'], LATER + 1),
  hash('object:2', ['name', '']),
  hash(
    'messages',
    Array.from({ length: 2500 }, (_, it) => [`m${it}`, `{"body":"text ${it}","n":${it}}`]).flat(),
  ),
  set('members:red', ['ann', 'bo', 'ü']),
  set('members:blue', ['ann']),
  zset('score:1', [
    ['ann', 1.5],
    ['bo', -3],
    ['cy', 0.1],
  ]),
  list(
    'items:1',
    Array.from({ length: 2100 }, (_, it) => `v${it % 7}`),
  ),
  list('items:2', ['b', 'a', 'b']),
  stream('log:1', [
    ['9-1', ['what', 'a', 'by', 'ann']],
    ['10-0', ['what', 'b', 'by', 'bo']],
    ['10-11', ['what', 'c', 'by', 'ann']],
  ]),
]
const ONE_WAY: readonly Entry[] = [string('nick:1', 'ANN'), list('bag:1', ['a', 'b'])]

let server: FreshRedis
let folder: ReturnType<typeof projectFolder>
const databases: FreshDatabase[] = []
beforeAll(async () => {
  server = await freshRedis()
  folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources: { kv: "${KV_URL}" }\ntarget: "${DATABASE_URL}"\nplans: plans/*.yaml\n',
    'plans/shapes.yaml': PLAN,
  })
  await writeEntries(server.client, [...REVERSIBLE, ...ONE_WAY])
})
afterAll(async () => {
  await server.stop()
  for (const database of databases) await database.drop()
  folder.remove()
})

async function database(): Promise<FreshDatabase> {
  const made = await freshDatabase()
  databases.push(made)
  return made
}

const run = (argv: readonly string[], into: FreshDatabase, store = 0, more: Record<string, string> = {}) =>
  runCli(argv, {
    cwd: folder.path,
    env: { KV_URL: `${server.url}/${store}`, DATABASE_URL: into.url, ...more },
  })

async function entriesIn(store: number): Promise<readonly Entry[]> {
  const source = await redis.open(`${server.url}/${store}`, {
    root: '/',
    signal: new AbortController().signal,
  })
  try {
    return await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  } finally {
    await source.close()
  }
}

async function rowsIn(from: FreshDatabase): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const table of TABLES) {
    const { rows } = await from.query(`SELECT t::text AS row FROM ${table} t ORDER BY 1`)
    found[table] = rows.map((it) => it.row)
  }
  return found
}

const canonical = (entries: readonly Entry[]) =>
  new Map(
    [...byKey(entries)].map(([key, it]) => [key, key.startsWith('doc:') ? JSON.parse(String(it.value)) : it]),
  )

describe('forward, back and forward again', () => {
  let there: FreshDatabase
  let again: FreshDatabase
  let rebuilt: Awaited<ReturnType<typeof runCli>>
  beforeAll(async () => {
    there = await database()
    again = await database()
    await run(['apply', '--phase=A', '--quiet'], there)
    rebuilt = await run(['rebuild', '--into', `${server.url}/1`, '--yes'], there)
    await run(['apply', '--phase=A', '--quiet'], again, 1)
  }, 120_000)

  test('gives the same rows in every table', async () => {
    const rows = await rowsIn(there)
    expect(Object.values(rows).map((it) => (it as unknown[]).length)).toEqual([
      2, 1, 3, 2, 2500, 4, 3, 2103, 3,
    ])
    expect(await rowsIn(again)).toEqual(rows)
  })

  test('gives the same entries, in canonical form', async () => {
    expect(canonical(await entriesIn(1))).toEqual(canonical(REVERSIBLE))
  })

  test('says what was written, and what has no way back', () => {
    expect(rebuilt.stdout.replaceAll(server.url, 'redis://HOST')).toMatchInlineSnapshot(`
      "  ✓  shapes  text:{id}           2  rows ► 2 keys
        ✓  shapes  bytes:{id}          1  row ► 1 key
        ✓  shapes  doc:{id}            3  rows ► 3 keys
        ✓  shapes  object:{id}         2  rows ► 2 keys
        ✓  shapes  messages        2,500  rows ► 1 key
        ✓  shapes  members:{team}      4  rows ► 2 keys
        ✓  shapes  score:{board}       3  rows ► 1 key
        ✓  shapes  items:{id}      2,103  rows ► 2 keys
        ✓  shapes  log:{id}            3  rows ► 1 key

      No way back
        ✗  shapes  nick:{id}  v: lower: the case of letters is forgotten
        ✗  shapes  bag:{id}   no column keeps the order of the items

      Rebuild: 4,621 rows became 15 keys of redis://HOST/1, by 50 commands. 2 mappings have no way back.
      "
    `)
    expect(rebuilt.code).toBe(0)
  })

  test('is the same for a machine', async () => {
    const { stdout } = await run(['rebuild', '--into', `${server.url}/2`, '--yes', '--json'], there)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ kind: 'rebuild', mappings: expect.any(Array) })
    expect(report.mappings.find((it: { match: string }) => it.match === 'items:{id}')).toEqual({
      plan: 'shapes',
      mapping: 'items',
      match: 'items:{id}',
      rows: 2103,
      keys: 2,
      kept: 0,
      others: 0,
    })
    expect(canonical(await entriesIn(2))).toEqual(canonical(REVERSIBLE))
  })

  test('plan names what is one-way, by column', async () => {
    const { stdout } = await run(['plan'], there)
    expect(stdout).toContain('nicks.v')
    expect(stdout).toContain('bag.*')
  })

  test('a store that holds keys is refused, and nothing is written', async () => {
    const { code, stderr } = await run(['rebuild', '--into', `${server.url}/1`, '--yes'], there)
    expect(stderr).toContain('STORE_NOT_EMPTY')
    expect(code).toBe(1)
    expect(canonical(await entriesIn(1))).toEqual(canonical(REVERSIBLE))
  })

  test('beside keys that are there, those stay as they are', async () => {
    await server.client.select(3)
    await server.client.rpush('items:2', 'mine')
    await server.client.set('other', 'x')
    await server.client.select(0)
    const { code, stdout } = await run(['rebuild', '--into', `${server.url}/3`, '--beside', '--yes'], there)
    expect(stdout).toContain('1 key there already, left as they are')
    expect(code).toBe(0)
    expect(canonical(await entriesIn(3))).toEqual(
      canonical([
        ...REVERSIBLE.filter((it) => it.key.toString() !== 'items:2'),
        list('items:2', ['mine']),
        string('other', 'x'),
      ]),
    )
  })

  test('without a yes nothing is written', async () => {
    const { code, stderr } = await run(['rebuild', '--into', `${server.url}/4`], there)
    expect(stderr).toContain('NOT_CONFIRMED')
    expect(code).toBe(1)
    expect(await entriesIn(4)).toEqual([])
  })

  test('a store that cannot be written is refused by its kind', async () => {
    const { code, stderr } = await run(['rebuild', '--into', 'rdb:./x.rdb', '--yes'], there)
    expect(stderr).toContain('SOURCE_READ_ONLY')
    expect(code).toBe(1)
  })

  test('an address may come from the environment, and is not repeated', async () => {
    const into = (address: string) =>
      run(['rebuild', 'shapes', '--into', '${NEW_KV}', '--yes'], there, 0, { NEW_KV: address })
    const { code, stdout } = await into(`${server.url}/5`)
    expect(stdout).toContain(`became 15 keys of ${server.url}/5`)
    expect(code).toBe(0)
    const refused = await into(`${server.url.replace('//', '//nobody:secret@')}/6`)
    expect(refused.stderr).toContain('SOURCE_AUTH')
    expect(refused.stdout + refused.stderr).not.toContain('secret')
  })
})

test('from an embedded Postgres it is the same', async () => {
  await prepareFolder(`${folder.path}/pg`)
  const env = { KV_URL: `${server.url}/0`, DATABASE_URL: `pglite:${folder.path}/pg` }
  await runCli(['apply', '--phase=A', '--quiet'], { cwd: folder.path, env })
  const { code } = await runCli(['rebuild', '--into', `${server.url}/8`, '--yes'], { cwd: folder.path, env })
  expect(code).toBe(0)
  expect(canonical(await entriesIn(8))).toEqual(canonical(REVERSIBLE))
}, 60_000)

test('of a table that others write too, only the rows of a mapping become its entries', async () => {
  const shared = projectFolder({
    'migrations.yaml':
      'version: 1\nsources: { kv: "${KV_URL}" }\ntarget: "${DATABASE_URL}"\nplans: plans/*.yaml\nschema: schema.sql\n',
    'schema.sql': 'CREATE TABLE users (id text PRIMARY KEY, name text);',
    'plans/users.yaml': `version: 1
plan: users
mappings:
  - { match: 'user:{id}', type: hash, into: users, conflict: keep, fields: { id: $id, name: name } }
  - { match: 'account:{id}', type: hash, into: users, conflict: keep, fields: { id: $id, name: title } }
`,
  })
  const into = await database()
  try {
    await into.query(
      "CREATE TABLE users (id text PRIMARY KEY, name text); INSERT INTO users VALUES ('own', 'there before')",
    )
    await server.client.select(6)
    await writeEntries(server.client, [
      hash('user:1', ['name', 'Ann']),
      hash('account:1', ['title', 'Ann of old']),
      hash('account:2', ['title', 'Bo']),
    ])
    await server.client.select(0)
    const env = { KV_URL: `${server.url}/6`, DATABASE_URL: into.url }
    await runCli(['apply', '--phase=A', '--quiet'], { cwd: shared.path, env })
    const { stdout } = await runCli(['rebuild', '--into', `${server.url}/7`, '--yes'], {
      cwd: shared.path,
      env,
    })
    expect(byKey(await entriesIn(7))).toEqual(
      byKey([hash('user:1', ['name', 'Ann']), hash('account:2', ['title', 'Bo'])]),
    )
    expect(stdout).toContain('2 rows of the table came from elsewhere')
  } finally {
    shared.remove()
  }
})
