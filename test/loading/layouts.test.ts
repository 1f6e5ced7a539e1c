import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/sources/source.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { hash, list, set, stream, string, zset } from '../sources/entries.ts'
import { applied, makeWorld, PROJECT, type World } from './world.ts'

/** Layouts as applications have them, none of them one of the cases: the language says each in a few lines. */

interface Layout {
  /** The rules and tables of a plan. */
  readonly plan: string
  readonly entries: readonly Entry[]
  /** Rows by query. */
  readonly rows: Readonly<Record<string, readonly string[]>>
  readonly files?: Readonly<Record<string, string>>
}

const json = (key: string, value: unknown): Entry => string(key, JSON.stringify(value))
const float32 = (...numbers: number[]): Buffer => Buffer.from(new Float32Array(numbers).buffer)

const LAYOUTS: Readonly<Record<string, Layout>> = {
  'a queue: jobs are hashes, their state is where their id stands': {
    plan: `mappings:
  - match: 'q:mail:{id:int}'
    type: hash
    into: jobs
    fields:
      id: $id
      data: data | json
      state: "first_of({ waiting: 'q:mail:wait', done: 'q:mail:done', failed: 'q:mail:failed' }, $id)"
      finished_at: score('q:mail:done', $id) | epoch_ms
tables:
  jobs: { columns: { id: bigint, data: jsonb, state: text, finished_at: timestamptz }, primary_key: [id] }`,
    entries: [
      hash('q:mail:1', ['data', '{"to":"ann"}']),
      hash('q:mail:2', ['data', '{"to":"bob"}']),
      hash('q:mail:3', ['data', '[]']),
      list('q:mail:wait', ['1']),
      zset('q:mail:done', [['2', 1767830400000]]),
    ],
    rows: {
      'select * from jobs order by id': [
        '1 {"to": "ann"} waiting null',
        '2 {"to": "bob"} done 2026-01-08 00:00:00+00',
        '3 [] null null',
      ],
    },
  },
  'people, their teams in sets, their mail beside them, and who is banned': {
    plan: `mappings:
  - match: 'person:{id}'
    type: hash
    into: people
    fields:
      id: $id
      mail: get('person-mail:{$id}') | lower
      team: "owner('crew:{team}:members', $id)"
      banned: member('person-banned', $id)
      nick: hget('nicks', $id)
tables:
  people: { columns: { id: text, mail: text, team: text, banned: boolean, nick: text }, primary_key: [id] }`,
    entries: [
      hash('person:a/1', ['x', '']),
      hash('person:ü', ['x', '']),
      string('person-mail:a/1', 'A@Example.org'),
      set('crew:red:members', ['a/1', 'z']),
      set('person-banned', ['ü']),
      hash('nicks', ['a/1', 'Al']),
    ],
    rows: { 'select * from people order by id': ['a/1 a@example.org red f Al', 'ü null null t null'] },
  },
  'orders with lines with options, three tables of one document': {
    plan: `mappings:
  - { match: 'order:{id}', type: string, decode: json, into: orders, fields: { id: $id, total: totals.gross | decimal, rest: rest() } }
  - match: 'order:{id}'
    type: string
    decode: json
    each: lines
    into: lines
    fields: { order: $id, line: $index, sku: sku, currency: $parent.totals.currency }
  - match: 'order:{id}'
    type: string
    decode: json
    each: lines.*.options.*
    into: options
    fields: { order: $id, line: $parent_index, sku: $parent.sku, name: $name, value: $item, currency: $root.totals.currency }
tables:
  orders: { columns: { id: text, total: 'numeric(12,2)', rest: jsonb }, primary_key: [id] }
  lines:
    columns: { order: text, line: integer, sku: text, currency: char(3) }
    primary_key: [order, line]
    references: [{ columns: [order], to: orders(id) }]
  options: { columns: { order: text, line: integer, sku: text, name: text, value: text, currency: text }, primary_key: [order, line, name] }`,
    entries: [
      json('order:1', {
        totals: { gross: '10.50', currency: 'EUR' },
        note: 'gift',
        lines: [
          { sku: 's1', options: { color: 'red', size: 'XL' } },
          { sku: 's2', options: {} },
        ],
      }),
    ],
    rows: {
      'select * from orders': ['1 10.50 {"note": "gift"}'],
      'select * from lines order by 1, 2': ['1 0 s1 EUR', '1 1 s2 EUR'],
      'select * from options order by name': ['1 0 s1 color red EUR', '1 0 s1 size XL EUR'],
    },
  },
  'a forum in one document: threads of posts of replies': {
    plan: `mappings:
  - match: 'forum:{name_}'
    type: string
    decode: json
    each: threads.*.posts.*
    into: posts
    fields: { forum: $root.title, thread: $parent_index, post: $index, by: by, topic: $parent.topic }
    unmapped: { drop: [threads.*.posts.*.likes], because: nobody reads them }
  - match: 'forum:{name_}'
    type: string
    decode: json
    each: polls.*.*
    into: votes
    fields: { forum: $root.title, poll: $parent_name, choice: $name, votes: $item }
tables:
  posts: { columns: { forum: text, thread: integer, post: integer, by: text, topic: text }, primary_key: [forum, thread, post] }
  votes: { columns: { forum: text, poll: text, choice: text, votes: integer }, primary_key: [forum, poll, choice] }`,
    entries: [
      json('forum:f', {
        title: 'F',
        threads: [
          { topic: 't0', posts: [{ by: 'ann', likes: 1 }, { by: 'bob' }] },
          { topic: 't1', posts: [{ by: 'cleo' }] },
        ],
        polls: { tea: { yes: 3, no: 1 } },
      }),
    ],
    rows: {
      'select * from posts order by thread, post': ['F 0 0 ann t0', 'F 0 1 bob t0', 'F 1 0 cleo t1'],
      'select * from votes order by choice': ['F tea no 1', 'F tea yes 3'],
    },
  },
  'values that were compressed, wrapped, encoded twice and cut into pieces': {
    plan: `mappings:
  - { match: 'page:{id}', type: string, decode: [base64, gzip, json, unwrap(d)], into: pages, fields: { id: $id, title: title } }
  - { match: 'twice:{id}', type: string, decode: json until object, into: pages, fields: { id: $id, title: title } }
  - { match: 'cut:{id:/[a-z]+/}', type: string, chunks: '{key}#{i}', decode: json, into: pages, fields: { id: $id, title: title } }
tables: { pages: { columns: { id: text, title: text }, primary_key: [id] } }`,
    entries: [
      string('page:a', gzipSync('{"d":{"title":"packed"}}').toString('base64')),
      string('twice:b', JSON.stringify(JSON.stringify(JSON.stringify({ title: 'deep' })))),
      string('cut:c', '{"tit'),
      string('cut:c#1', 'le":"in '),
      string('cut:c#2', 'three"}'),
    ],
    rows: { 'select * from pages order by id': ['a packed', 'b deep', 'c in three'] },
  },
  'vectors and pictures': {
    plan: `mappings:
  - match: 'img:{id}'
    type: hash
    decode: { embedding: float32, thumb: bytes }
    into: images
    fields: { id: $id, embedding: embedding, thumb: thumb, checksum: thumb | sha256 }
tables: { images: { columns: { id: uuid, embedding: 'real[]', thumb: bytea, checksum: text }, primary_key: [id] } }`,
    entries: [
      hash('img:5b0c1c5e-3f59-4a1c-9a51-000000000001', [
        'embedding',
        float32(0.5, -2, 3.25),
        'thumb',
        Buffer.from([0, 255, 10]),
      ]),
    ],
    rows: {
      'select id, embedding, thumb, left(checksum, 8) from images': [
        '5b0c1c5e-3f59-4a1c-9a51-000000000001 {0.5,-2,3.25} \\x00ff0a 712450d3',
      ],
    },
  },
  'lists as text: numbers, times and words': {
    plan: `mappings:
  - match: 'quiz:{id}'
    type: hash
    into: quizzes
    fields:
      id: $id
      answers: answers | split(',') | each('int')
      scores: scores | json | each('decimal')
      opened: opened | json | each('epoch_s')
      tags: tags | list | each('lower')
tables:
  quizzes: { columns: { id: text, answers: 'integer[]', scores: 'numeric[]', opened: 'timestamptz[]', tags: 'text[]' }, primary_key: [id] }`,
    entries: [
      hash('quiz:1', ['answers', '3,1,2', 'scores', '["1.50",2]', 'opened', '[1767830400]', 'tags', 'A,b']),
      hash('quiz:2', ['answers', '', 'scores', '[]', 'opened', '[]', 'tags', '["X y"]']),
    ],
    rows: {
      'select * from quizzes order by id': [
        '1 {3,1,2} {1.50,2} {"2026-01-08 00:00:00+00"} {a,b}',
        '2 {} {} {} {"x y"}',
      ],
    },
  },
  'a tree, an enum, quoted names and a key of two columns': {
    plan: `mappings:
  - match: 'cat:{shop}:{slug}'
    type: hash
    into: categories
    key: [shop, slug]
    fields: { shop: $shop, slug: $slug, parentSlug: parent | null_if(''), State: 'st | map({ A: open, X: closed })' }
tables:
  categories:
    columns:
      id: bigint generated by default as identity
      shop: text not null
      slug: text not null
      parentSlug: text
      State: text not null
    primary_key: [id]
    unique: [[shop, slug]]
    references: [{ columns: [shop, parentSlug], to: 'categories(shop, slug)', deferrable: true }]
    checks: [ '"State" IN (''open'', ''closed'')' ]`,
    entries: [
      hash('cat:s:child', ['parent', 'root', 'st', 'A']),
      hash('cat:s:root', ['parent', '', 'st', 'X']),
    ],
    rows: {
      'select slug, "parentSlug", "State" from categories order by slug': [
        'child root open',
        'root null closed',
      ],
    },
  },
  'bans that never end: scores beyond every number': {
    plan: `mappings:
  - match: bans
    type: zset
    each: member
    where: score < 1e300
    into: bans
    fields: { who: $member, until: $score | epoch_s, forever: false }
  - { match: bans, type: zset, each: member, where: score > 1e300, into: bans, fields: { who: $member, forever: true } }
tables: { bans: { columns: { who: text, until: timestamptz, forever: boolean }, primary_key: [who] } }`,
    entries: [
      zset('bans', [
        ['a', Number.POSITIVE_INFINITY],
        ['b', 1767830400],
      ]),
    ],
    rows: { 'select * from bans order by who': ['a null t', 'b 2026-01-08 00:00:00+00 f'] },
  },
  'translations: fields whose names have parts': {
    plan: `mappings:
  - match: 'i18n:{ns}'
    type: hash
    each: field
    where: field.contains('.')
    into: texts
    fields: { ns: $ns, lang: $field | before('.'), name: $field | after('.'), text: $value }
tables: { texts: { columns: { ns: text, lang: text, name: text, text: text }, primary_key: [ns, lang, name] } }`,
    entries: [hash('i18n:app', ['de.hi', 'Hallo', 'en.hi.there', 'Hi', 'version', '3'])],
    rows: { 'select * from texts order by lang': ['app de hi Hallo', 'app en hi.there Hi'] },
  },
  'a log whose ids are times': {
    plan: `mappings:
  - match: 'log:{app}'
    type: stream
    each: message
    into: log
    fields: { app: $app, id: $message, at: "$message | before('-') | int | epoch_ms", level: level, rest: rest() }
tables: { log: { columns: { app: text, id: text, at: timestamptz, level: text, rest: jsonb }, primary_key: [app, id] } }`,
    entries: [stream('log:web', [['1767830400000-1', ['level', 'warn', 'code', '7']]])],
    rows: { 'select * from log': ['web 1767830400000-1 2026-01-08 00:00:00+00 warn {"code": "7"}'] },
  },
  'friendships: a pair has no direction': {
    plan: `mappings:
  - match: 'friends:{u}'
    type: set
    each: member
    into: friendships
    conflict: keep
    fields: { a: 'least($u, $member)', b: 'greatest($u, $member)' }
tables: { friendships: { columns: { a: text, b: text }, primary_key: [a, b] } }`,
    entries: [set('friends:ann', ['bob', 'cleo']), set('friends:bob', ['ann'])],
    rows: { 'select * from friendships order by 1, 2': ['ann bob', 'ann cleo'] },
  },
  'statistics of a day, one key for each number': {
    plan: `mappings:
  - { match: 'stat:{day:date}:visits', type: string, into: days, merge: { visits: coalesce, sales: coalesce }, fields: { day: $day, visits: $value | int } }
  - { match: 'stat:{day:date}:sales', type: string, into: days, fields: { day: $day, sales: $value | decimal } }
tables: { days: { columns: { day: date, visits: integer, sales: 'numeric(10,2)' }, primary_key: [day] } }`,
    entries: [
      string('stat:2026-01-08:visits', '17'),
      string('stat:2026-01-08:sales', '9.5'),
      string('stat:2026-01-09:sales', '0.00'),
    ],
    rows: { 'select * from days order by day': ['2026-01-08 17 9.50', '2026-01-09 null 0.00'] },
  },
  'prices with a currency, and what only code can say': {
    plan: `mappings:
  - match: 'price:{sku}'
    type: string
    into: prices
    fields:
      sku: $sku
      amount: $value | before(' ') | decimal
      currency: $value | after(' ', 'last')
      parts: "$value | js('./parts.js', { in: text, out: list })"
      facts: "$value | js('./facts.js', { in: text, out: object })"
    computed: { cheap: "r.startsWith('0.')" }
tables:
  prices: { columns: { sku: text, amount: numeric, currency: text, parts: 'text[]', facts: jsonb, cheap: boolean }, primary_key: [sku] }`,
    entries: [string('price:a', '0.10 EUR')],
    files: {
      'parts.js': "export default (it) => it.split(' ')\n",
      'facts.js': 'export default (it) => ({ length: it.length, big: 9007199254740993n })\n',
    },
    rows: {
      'select * from prices': ['a 0.10 EUR {0.10,EUR} {"big": 9007199254740993, "length": 8} t'],
    },
  },
  'text that Postgres does not take, and what nobody models': {
    plan: `mappings:
  - { match: 'bio:{id}', type: string, text: replace, into: bios, fields: { id: $id, text: $value } }
  - { match: 'odds:{_:rest}', into: kvmig.leftovers }
tables: { bios: { columns: { id: text, text: text }, primary_key: [id] } }`,
    entries: [
      string('bio:1', Buffer.from([0x61, 0xff, 0x00, 0x62])),
      hash('odds:h', ['f', 'v']),
      zset('odds:z', [['m', 1.5]]),
    ],
    rows: {
      'select * from bios': ['1 a\ufffdb'],
      "select key, type, convert_from(value, 'utf8'), score from kvmig.leftovers order by 1": [
        'odds:h hash v null',
        'odds:z zset m 1.5',
      ],
    },
  },
}
let database: FreshDatabase
let world: World
beforeAll(async () => {
  database = await freshDatabase()
  const plans = Object.values(LAYOUTS).map(({ plan, files = {} }, at) => [
    [`plans/p${at}.yaml`, `version: 1\nplan: p${at}\n${plan}\n`],
    ...Object.entries(files),
  ])
  world = makeWorld({
    files: { 'migrations.yaml': PROJECT, ...Object.fromEntries(plans.flat()) },
    database: database.url,
    entries: Object.values(LAYOUTS).flatMap((it) => it.entries),
  })
  await applied(world)
})
afterAll(async () => {
  world?.remove()
  await database?.drop()
})

describe.each(Object.entries(LAYOUTS))('%s', (_, { rows, plan }) => {
  test.each(Object.entries(rows))('%s', async (sql, expected) => {
    expect(await world.rows(sql)).toEqual(expected)
  })
  test('is said in at most 30 lines', () => {
    expect(plan.split('\n').length).toBeLessThanOrEqual(30)
  })
})

test('nothing is left over: every key has its fate, and no record is in the quarantine', async () => {
  expect(await world.quarantine()).toEqual([])
  const { fates } = await world.survey()
  expect(Object.entries(fates).filter(([, fate]) => fate !== 'migrated')).toEqual([])
})
