import { gzipSync } from 'node:zlib'
import type { Entry } from '../../src/sources/source.ts'
import { hash, list, set, stream, string, zset } from '../sources/entries.ts'

/** A layout as small applications have it, the plan that says it, and what comes of it. */
export interface Layout {
  readonly name: string
  /** `mappings:` and `tables:` of one plan. */
  readonly plan: string
  readonly entries: readonly Entry[]
  /** Rows by query, columns joined by a space. */
  readonly rows: Readonly<Record<string, readonly string[]>>
  /** `CODE key part`. */
  readonly quarantine?: readonly string[]
  /** Keys that did not simply become rows. */
  readonly fates?: Readonly<Record<string, string>>
}

const LATER = Date.parse('2036-01-01T00:00:00Z')
const json = (key: string, value: unknown, expiresAt: number | null = null): Entry =>
  string(key, JSON.stringify(value), expiresAt)

export const LAYOUTS: readonly Layout[] = [
  {
    name: 'a chat: rooms as hashes, members as sets, messages as JSON in sorted sets, unread counters',
    plan: `mappings:
  - { match: 'room:{id}', type: hash, into: rooms, fields: { id: $id, title: title, owner: owner, opened_at: created | epoch_s } }
  - { match: 'room:{id}:members', type: set, each: member, into: members, fields: { room: $id, who: $member } }
  - match: room:{id}:messages
    type: zset
    each: member
    decode: json
    into: messages
    fields: { room: $id, id: id, author: from, body: text, sent_at: $score | epoch_ms }
  - { match: 'room:{id}:typing:{_}', ephemeral: who is typing now }
  - { match: 'unread:{who}', type: hash, each: field, into: unread, fields: { who: $who, room: $field, n: $value | int } }
tables:
  rooms: { columns: { id: text, title: text not null, owner: text, opened_at: timestamptz not null }, primary_key: [id] }
  members: { columns: { room: text, who: text }, primary_key: [room, who], references: [{ columns: [room], to: rooms(id) }] }
  messages:
    columns: { room: text, id: text, author: text not null, body: text not null, sent_at: timestamptz not null }
    primary_key: [id]
    references: [{ columns: [room], to: rooms(id) }]
  unread: { columns: { who: text, room: text, n: integer not null }, primary_key: [who, room] }
`,
    entries: [
      hash('room:r1', ['title', 'General', 'owner', 'ann', 'created', '1767225600']),
      set('room:r1:members', ['ann', 'bo']),
      set('room:gone:members', ['cy']),
      zset('room:r1:messages', [
        ['{"id":"m1","from":"ann","text":"hi 👋"}', 1767225601000],
        ['{"id":"m2","from":"bo","text":""}', 1767225602123],
        ['not json', 1767225603000],
      ]),
      string('room:r1:typing:bo', '1', LATER),
      hash('unread:bo', ['r1', '2', 'r2', '007']),
    ],
    rows: {
      'SELECT id, title, owner FROM rooms': ['r1 General ann'],
      'SELECT room, who FROM members ORDER BY 2': ['r1 ann', 'r1 bo'],
      'SELECT id, author, body, extract(epoch FROM sent_at)::text FROM messages ORDER BY 1': [
        'm1 ann hi 👋 1767225601.000000',
        'm2 bo  1767225602.123000',
      ],
      'SELECT * FROM unread': ['bo r1 2'],
    },
    quarantine: [
      'INVALID_JSON room:r1:messages member:not json',
      'NON_CANONICAL_NUMBER unread:bo field:r2',
      'ORPHAN room:gone:members member:cy',
    ],
    fates: {
      'room:gone:members': 'quarantined',
      'room:r1:messages': 'partial',
      'room:r1:typing:bo': 'ephemeral',
      'unread:bo': 'partial',
    },
  },
  {
    name: 'a shop: products with variants inside, carts of quantities, prices in cents, stock by warehouse',
    plan: `mappings:
  - match: product:{sku}
    type: string
    decode: json
    into: products
    fields: { sku: 'same($sku, sku)', name: name, price: price_cents | scale(2), tags: 'tags | default([])' }
  - match: product:{sku}
    type: string
    decode: json
    each: variants
    into: variants
    fields: { sku: $parent.sku, code: code, place: $index, color: attributes.color, extra_price: surcharge | decimal }
  - { match: 'cart:{user}', type: hash, each: field, into: cart_lines, fields: { who: $user, sku: $field, quantity: $value | int, until: $expires_at } }
  - { match: 'stock:{warehouse}', type: hash, each: field, into: stock, fields: { warehouse: $warehouse, sku: $field, n: $value | int } }
  - { match: 'products:by-price', type: zset, index: prices of products }
tables:
  products: { columns: { sku: text, name: text not null, price: 'numeric(10,2) not null', tags: 'text[] not null' }, primary_key: [sku] }
  variants: { columns: { sku: text, code: text, place: integer, color: text, extra_price: 'numeric(10,2)' }, primary_key: [sku, code] }
  cart_lines: { columns: { who: text, sku: text, quantity: integer not null, until: timestamptz }, primary_key: [who, sku], checks: [quantity > 0] }
  stock: { columns: { warehouse: text, sku: text, n: bigint }, primary_key: [warehouse, sku] }
`,
    entries: [
      json('product:p/1', {
        sku: 'p/1',
        name: 'Lamp',
        price_cents: 1999,
        tags: ['light', 'a,b'],
        variants: [
          { code: 'red', attributes: { color: '#f00' }, surcharge: '1.50' },
          { code: 'blue', attributes: {}, surcharge: null },
        ],
      }),
      json('product:p2', { sku: 'p2', name: 'Chair', price_cents: 5, variants: [] }),
      json('product:p3', {
        sku: 'p4',
        name: 'Mixed up',
        price_cents: 5,
        variants: [{ code: 'x', attributes: {} }],
      }),
      hash('cart:u1', ['p/1', '2', 'p2', '0'], LATER),
      hash('stock:wien', ['p/1', '9007199254740993']),
      zset('products:by-price', [['p/1', 1999]]),
    ],
    rows: {
      'SELECT sku, name, price, array_to_json(tags)::text FROM products ORDER BY 1': [
        'p/1 Lamp 19.99 ["light","a,b"]',
        'p2 Chair 0.05 []',
      ],
      'SELECT * FROM variants ORDER BY place': ['p/1 red 0 #f00 1.50', 'p/1 blue 1 null null'],
      'SELECT who, sku, quantity FROM cart_lines': ['u1 p/1 2'],
      'SELECT n::text FROM stock': ['9007199254740993'],
    },
    quarantine: ['CONSTRAINT cart:u1 field:p2', 'NOT_THE_SAME product:p3'],
    fates: { 'cart:u1': 'partial', 'product:p3': 'quarantined', 'products:by-price': 'index' },
  },
  {
    name: 'feature flags: documents with rules by environment, overrides by user, a switch as text',
    plan: `mappings:
  - { match: 'flag:{name}', type: string, decode: json, into: flags, fields: { name: $name, enabled: enabled, percent: rollout ?? 100, owner: meta.owner }, unmapped: { drop: [meta.slack], because: nobody reads it } }
  - match: flag:{name}
    type: string
    decode: json
    each: environments.*.rules
    into: rules
    fields: { flag: $name, environment: $name_of, place: $index, segment: segment, percent: percent | float }
  - { match: 'flag:{name}:users', type: set, each: member, into: overrides, fields: { flag: $name, who: $member } }
  - { match: 'kill:{name}', type: string, into: switches, fields: { name: $name, killed: "$value | bool(['on', '1'], ['off', '0'])" } }
tables:
  flags: { columns: { name: text, enabled: boolean not null, percent: integer not null, owner: text }, primary_key: [name] }
  rules: { columns: { flag: text, environment: text, place: integer, segment: text, percent: double precision }, primary_key: [flag, environment, place] }
  overrides: { columns: { flag: text, who: text }, primary_key: [flag, who] }
  switches: { columns: { name: text, killed: boolean not null }, primary_key: [name] }
`
      .replaceAll('{name}', '{flag}')
      .replaceAll('name: $name,', 'name: $flag,')
      .replaceAll('flag: $name,', 'flag: $flag,')
      .replace('$name_of', '$name'),
    entries: [
      json('flag:new/ui', {
        enabled: true,
        rollout: 25,
        meta: { owner: 'ann', slack: '#x' },
        environments: {
          staging: { rules: [{ segment: 'all', percent: 100 }] },
          production: {
            rules: [
              { segment: 'beta', percent: 12.5 },
              { segment: 'rest', percent: 0 },
            ],
          },
        },
      }),
      json('flag:old', { enabled: false, meta: {}, environments: {} }),
      set('flag:new/ui:users', ['u1', 'u 2']),
      string('kill:api', 'on'),
      string('kill:web', '0'),
      string('kill:app', 'yes'),
    ],
    rows: {
      'SELECT * FROM flags ORDER BY 1': ['new/ui t 25 ann', 'old f 100 null'],
      'SELECT * FROM rules ORDER BY 2, 3': [
        'new/ui production 0 beta 12.5',
        'new/ui production 1 rest 0',
        'new/ui staging 0 all 100',
      ],
      'SELECT who FROM overrides ORDER BY 1': ['u 2', 'u1'],
      'SELECT * FROM switches ORDER BY 1': ['api t', 'web f'],
    },
    quarantine: ['NOT_A_BOOLEAN kill:app'],
    fates: { 'kill:app': 'quarantined' },
  },
  {
    name: 'a queue in the manner of Sidekiq: lists and a schedule of JSON, names with slashes, counters',
    plan: `mappings:
  - match: queue:{queue}
    type: list
    each: item
    decode: json
    into: jobs
    fields: { id: jid, queue: $queue, class: class, args: args, state: const(queued), place: $index, run_at: null, queued_at: enqueued_at | multiply(1000000) | floor | epoch_us }
    unmapped: { drop: [retry, queue], because: the key says it }
  - match: schedule
    type: zset
    each: member
    decode: json
    into: jobs
    fields: { id: jid, queue: queue, class: class, args: args, state: const(scheduled), place: null, run_at: $score | multiply(1000000) | floor | epoch_us, queued_at: null }
    unmapped: { drop: [retry], because: the new queue has its own }
  - { match: 'stat:{what}:{day:date}', type: string, into: stats, fields: { what: $what, day: $day, n: $value | int } }
  - { match: 'queues', index: names of queues }
  - { match: 'processes:{_:rest}', ephemeral: who works now }
tables:
  jobs:
    columns: { id: text, queue: text not null, class: text not null, args: jsonb not null, state: text not null, place: integer, run_at: timestamptz, queued_at: timestamptz }
    primary_key: [id]
  stats: { columns: { what: text, day: date, n: bigint not null }, primary_key: [what, day] }
`,
    entries: [
      list('queue:mail/high', [
        '{"jid":"b","class":"Mail","args":[1,"x"],"retry":true,"queue":"mail/high","enqueued_at":1767225600.1234561}',
        '{"jid":"a","class":"Mail","args":[],"retry":true,"queue":"mail/high","enqueued_at":1767225600}',
      ]),
      zset('schedule', [
        ['{"jid":"c","class":"Clean","args":[9007199254740993],"queue":"low","retry":false}', 1767225700.5],
      ]),
      string('stat:processed:2026-01-01', '42'),
      string('stat:processed:yesterday', '42'),
      set('queues', ['mail/high']),
      hash('processes:host:1', ['busy', '1'], LATER),
    ],
    rows: {
      'SELECT id, queue, state, args::text, coalesce(place, -1), extract(epoch FROM coalesce(run_at, queued_at))::text FROM jobs ORDER BY 1':
        [
          'a mail/high queued [] 1 1767225600.000000',
          'b mail/high queued [1, "x"] 0 1767225600.123456',
          'c low scheduled [9007199254740993] -1 1767225700.500000',
        ],
      'SELECT what, n FROM stats': ['processed 42'],
    },
    quarantine: ['CAPTURE_TYPE stat:processed:yesterday'],
    fates: { queues: 'index', 'processes:host:1': 'ephemeral', 'stat:processed:yesterday': 'quarantined' },
  },
  {
    name: 'leaderboards: scores with fractions, beyond 2^53 and infinite, and names from another hash',
    plan: `mappings:
  - { match: 'lb:{season:int}:{board}', type: zset, each: member, into: scores, fields: { season: $season, board: $board, player: $member, score: $score, nick: "hget('players', $member)" } }
  - { match: 'lb:{season:int}:{board}', type: zset, each: member, into: exact_scores, fields: { season: $season, board: $board, player: $member, score: $score | text } }
  - { match: players, type: hash, each: field, into: players, fields: { id: $field, nick: $value } }
tables:
  scores: { columns: { season: integer, board: text, player: text, score: double precision not null, nick: text }, primary_key: [season, board, player] }
  exact_scores: { columns: { season: integer, board: text, player: text, score: text not null }, primary_key: [season, board, player] }
  players: { columns: { id: text, nick: text not null }, primary_key: [id] }
`,
    entries: [
      zset('lb:7:world', [
        ['p1', 0.1],
        ['p2', 9007199254740994],
        ['p3', -2.5e-7],
        ['p4', Number.POSITIVE_INFINITY],
      ]),
      hash('players', ['p1', 'Ann', 'p2', 'null']),
    ],
    rows: {
      'SELECT player, score::text, nick FROM scores ORDER BY 1': [
        'p1 0.1 Ann',
        'p2 9.007199254740994e+15 null',
        'p3 -2.5e-07 null',
      ],
      'SELECT player, score FROM exact_scores ORDER BY 1': [
        'p1 0.1',
        'p2 9007199254740994',
        'p3 -2.5e-7',
        'p4 inf',
      ],
      "SELECT id, nick = 'null' FROM players ORDER BY 1": ['p1 f', 'p2 t'],
    },
    quarantine: ['NON_FINITE lb:7:world member:p4'],
    fates: { 'lb:7:world': 'partial' },
  },
  {
    name: 'sessions: base64 JSON with an expiry, an index of them by user, remembered logins',
    plan: `mappings:
  - match: sess:{sid}
    type: string
    decode: [base64, json]
    into: sessions
    fields: { sid: $sid, user_id: user.id, csrf: csrf, until: $expires_at, data: rest() }
    unmapped: { drop: [user.name], because: users have a table }
  - { match: 'user_sessions:{_}', type: set, index: sessions by user }
  - { match: 'remember:{token}', type: string, into: remembered, fields: { token: $token | sha256, user_id: $value | int, until: $expires_at } }
tables:
  sessions: { columns: { sid: text, user_id: bigint not null, csrf: text, until: timestamptz not null, data: jsonb }, primary_key: [sid] }
  remembered: { columns: { token: text, user_id: bigint not null, until: timestamptz }, primary_key: [token] }
`,
    entries: [
      string(
        'sess:a+b/c=',
        Buffer.from('{"user":{"id":7,"name":"Ann"},"csrf":"x","theme":"dark"}').toString('base64'),
        LATER,
      ),
      string('sess:never', Buffer.from('{"user":{"id":7}}').toString('base64')),
      string('sess:broken', '{"user":{"id":7}}', LATER),
      set('user_sessions:7', ['a+b/c=', 'long gone']),
      string('remember:secret', '7', LATER),
    ],
    rows: {
      "SELECT sid, user_id, until = '2036-01-01T00:00:00Z', data::text FROM sessions": [
        'a+b/c= 7 t {"theme": "dark"}',
      ],
      'SELECT token, user_id FROM remembered': [
        '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b 7',
      ],
    },
    quarantine: ['CODEC_MISMATCH sess:broken', 'NULL_NOT_ALLOWED sess:never'],
    fates: { 'sess:broken': 'quarantined', 'sess:never': 'quarantined', 'user_sessions:7': 'index' },
  },
  {
    name: 'places: geohashes as scores, documents beside them, bitmaps and sketches as bytes',
    plan: `mappings:
  - { match: 'geo:{city}', type: zset, each: member, into: places, fields: { city: $city, id: $member, cell: $score, name: "get('place:{$member}') | json | at('name')" } }
  - { match: 'place:{id}', type: string, index: names of places }
  - { match: 'active:{day:date}', type: string, decode: bytes, into: active, fields: { day: $day, bits: $value } }
  - { match: 'hll:{name}', type: string, decode: bytes, into: kvmig_sketches, fields: { name: $name, sketch: $value } }
tables:
  places: { columns: { city: text, id: text, cell: bigint not null, name: text }, primary_key: [city, id] }
  active: { columns: { day: date, bits: bytea not null }, primary_key: [day] }
  kvmig_sketches: { columns: { name: text, sketch: bytea not null }, primary_key: [name] }
`
      .replaceAll('kvmig_sketches', 'sketches')
      .replace("'hll:{name}'", "'hll:{what}'")
      .replace('{ name: $name, sketch', '{ name: $what, sketch'),
    entries: [
      zset('geo:wien', [
        ['c1', 3673983964876493],
        ['c2', 3673983950397063],
      ]),
      json('place:c1', { name: 'Café' }),
      string('active:2026-01-01', Buffer.from([0x80, 0, 0xff])),
      string('hll:visitors', Buffer.from('HYLL\x01\x00\x00\x00\xff', 'latin1')),
    ],
    rows: {
      'SELECT id, cell, name FROM places ORDER BY 1': [
        'c1 3673983964876493 Café',
        'c2 3673983950397063 null',
      ],
      "SELECT encode(bits, 'hex') FROM active": ['8000ff'],
      "SELECT encode(sketch, 'hex') FROM sketches": ['48594c4c01000000ff'],
    },
    fates: { 'place:c1': 'index' },
  },
  {
    name: 'rate limits: windows by minute in the key, token buckets, locks that stay behind',
    plan: `mappings:
  - { match: 'rl:{ip:/[0-9a-f.]+/}:{minute:int}', type: string, into: windows, fields: { ip: $ip, minute: $minute | multiply(60) | epoch_s, hits: $value | int, until: $expires_at } }
  - { match: 'rl:{ip:/[0-9a-f:]+:[0-9a-f:]*/}:{minute:int}', type: string, ignore: addresses of version 6 are counted by network }
  - { match: 'bucket:{who:rest}', type: hash, into: buckets, fields: { who: $who, tokens: tokens | float, refilled_at: ts | float | multiply(1000000) | floor | epoch_us } }
  - { match: 'lock:{_:rest}', ephemeral: held for seconds }
tables:
  windows: { columns: { ip: inet, minute: timestamptz, hits: integer not null, until: timestamptz }, primary_key: [ip, minute] }
  buckets: { columns: { who: text, tokens: double precision not null, refilled_at: timestamptz not null }, primary_key: [who] }
`,
    entries: [
      string('rl:10.0.0.1:29453760', '12', LATER),
      string('rl:2001:db8::1:29453760', '12', LATER),
      hash('bucket:api:key:1', ['tokens', '3.75', 'ts', '1767225600.25']),
      string('lock:a:b', 'x', LATER),
    ],
    rows: {
      'SELECT host(ip), extract(epoch FROM minute)::bigint, hits FROM windows': ['10.0.0.1 1767225600 12'],
      'SELECT who, tokens, extract(epoch FROM refilled_at)::text FROM buckets': [
        'api:key:1 3.75 1767225600.250000',
      ],
    },
    fates: { 'rl:2001:db8::1:29453760': 'ignored', 'lock:a:b': 'ephemeral' },
  },
  {
    name: 'an audit trail in a stream, with an object in a field, and its consumers beside it',
    plan: `mappings:
  - match: audit:{tenant}
    type: stream
    each: message
    into: audit
    fields:
      tenant: $tenant
      id: $message
      at: $message | before('-') | epoch_ms
      actor: actor
      action: action
      details: details | json | default({})
      rest: rest()
  - { match: 'audit:{_}:offset:{_}', ephemeral: places of consumers }
tables:
  audit:
    columns: { tenant: text, id: text, at: timestamptz not null, actor: text not null, action: text not null, details: jsonb not null, rest: jsonb }
    primary_key: [tenant, id]
`,
    entries: [
      stream('audit:acme', [
        ['1767225600000-0', ['actor', 'ann', 'action', 'login', 'ip', '::1']],
        ['1767225600000-1', ['actor', 'ann', 'action', 'rename', 'details', '{"from":"a","to":"b"}']],
        ['1767225600005-0', ['actor', 'bo', 'action', 'rename', 'details', '{"from":']],
      ]),
      string('audit:acme:offset:worker', '1767225600000-1'),
    ],
    rows: {
      "SELECT id, actor, action, details::text, coalesce(rest::text, '-') FROM audit ORDER BY 1": [
        '1767225600000-0 ann login {} {"ip": "::1"}',
        '1767225600000-1 ann rename {"to": "b", "from": "a"} -',
      ],
    },
    quarantine: ['INVALID_JSON audit:acme message:1767225600005-0'],
    fates: { 'audit:acme': 'partial', 'audit:acme:offset:worker': 'ephemeral' },
  },
  {
    name: 'caches of three kinds: encoded twice, wrapped with an expiry of their own, zipped',
    plan: `mappings:
  - { match: 'c:2x:{key}', type: string, decode: json until object, into: cached, fields: { key: $key_, kind: const(twice), body: $value, until: $expires_at } }
  - { match: 'c:wrapped:{key}', type: string, decode: [json, unwrap(value)], into: cached, fields: { key: $key_, kind: const(wrapped), body: $value, until: $expires_at }, unmapped: { drop: all, because: 'the time to live is the key’s' } }
  - { match: 'c:gz:{key}', type: string, decode: [gzip, json], into: cached, fields: { key: $key_, kind: const(zipped), body: $value, until: $expires_at } }
tables:
  cached: { columns: { key: text, kind: text, body: jsonb, until: timestamptz }, primary_key: [kind, key] }
`
      .replaceAll('{key}', '{name_}')
      .replaceAll('$key_', '$name_'),
    entries: [
      string('c:2x:a', JSON.stringify(JSON.stringify({ n: 1 })), LATER),
      string('c:2x:b', '{"n":12345678901234567890}'),
      json('c:wrapped:a', { value: { n: [1, null] }, expires: null }),
      string('c:gz:a', gzipSync('{"n":"é"}')),
      string('c:gz:b', '{"n":"é"}'),
    ],
    rows: {
      'SELECT kind, key, body::text FROM cached ORDER BY 1, 2': [
        'twice a {"n": 1}',
        'twice b {"n": 12345678901234567890}',
        'wrapped a {"n": [1, null]}',
        'zipped a {"n": "é"}',
      ],
    },
    quarantine: ['CODEC_MISMATCH c:gz:b'],
    fates: { 'c:gz:b': 'quarantined' },
  },
  {
    name: 'links: a short code and its target, clicks counted elsewhere, tags as sets of keys',
    plan: `mappings:
  - { match: 'u:{code}', type: string, into: links, fields: { code: $code, target: $value, clicks: "(get('clicks:{$code}') ?? const('0')) | int", banned: "member('banned', $code)" } }
  - { match: 'tag:{tag:rest}', type: set, each: member, into: link_tags, fields: { tag: $tag, code: "$member | after(':')" } }
tables:
  links: { columns: { code: text, target: text not null, clicks: bigint not null, banned: boolean not null }, primary_key: [code] }
  link_tags: { columns: { tag: text, code: text }, primary_key: [tag, code], references: [{ columns: [code], to: links(code) }] }
`,
    entries: [
      string('u:aB1', 'https://example.com/?a=1&b=[x]*'),
      string('u:zz', ''),
      string('clicks:aB1', '9007199254740993'),
      set('banned', ['zz']),
      set('tag:cats & dogs: all', ['u:aB1', 'u:gone', 'zz']),
    ],
    rows: {
      'SELECT code, clicks::text, banned, target FROM links ORDER BY 1': [
        'aB1 9007199254740993 f https://example.com/?a=1&b=[x]*',
        'zz 0 t ',
      ],
      'SELECT tag, code FROM link_tags': ['cats & dogs: all aB1'],
    },
    quarantine: ['FIELD_MISSING tag:cats & dogs: all member:zz', 'ORPHAN tag:cats & dogs: all member:u:gone'],
    fates: { 'tag:cats & dogs: all': 'partial' },
  },
  {
    name: 'measurements: a hash for a day, minutes as fields, text where a sensor failed',
    plan: `mappings:
  - match: ts:{sensor:rest}:{day:date}
    type: hash
    each: field
    where: field != 'unit'
    into: measured
    fields: { sensor: $sensor, day: $day, minute: $field | int, value: "$value | null_if('NaN') | decimal" }
tables:
  measured: { columns: { sensor: text, day: date, minute: smallint, value: numeric }, primary_key: [sensor, day, minute], checks: [minute < 1440] }
`,
    entries: [
      hash('ts:house:attic:2026-01-01', ['0', '21.50', '1', 'NaN', '1440', '1', 'unit', 'C', 'x', '1']),
      hash('ts:cellar:2026-02-30', ['0', '1']),
    ],
    rows: {
      'SELECT sensor, minute, value::text FROM measured ORDER BY 2': [
        'house:attic 0 21.50',
        'house:attic 1 null',
      ],
    },
    quarantine: [
      'CAPTURE_TYPE ts:cellar:2026-02-30',
      'CONSTRAINT ts:house:attic:2026-01-01 field:1440',
      'NOT_AN_INTEGER ts:house:attic:2026-01-01 field:x',
    ],
    fates: { 'ts:cellar:2026-02-30': 'quarantined', 'ts:house:attic:2026-01-01': 'partial' },
  },
  {
    name: 'tenants: four parts in the key, a hash of text with words for nothing, two generations of users',
    plan: `mappings:
  - from:
      - { match: '{tenant}:v2:user:{id:uuid}', type: hash, fields: { since: joined | epoch_ms, active: 'active | bool(1, 0)' } }
      - { match: '{tenant}:user:{id:uuid}', type: string, decode: json, fields: { since: joined | iso, active: active } }
    into: users
    conflict: keep
    fields: { tenant: $tenant, id: $id, email: "email | lower | null_if(['', 'null', 'undefined'])" }
  - { match: '{tenant}:email:{_:rest}', index: ids by address }
tables:
  users: { columns: { tenant: text, id: uuid, email: text, since: timestamptz, active: boolean }, primary_key: [tenant, id] }
`,
    entries: [
      hash('acme:v2:user:0190f5fe-7c00-7a00-8000-0123456789ab', [
        'email',
        'Ann@Example.com',
        'joined',
        '1767225600000',
        'active',
        '1',
      ]),
      json('acme:user:0190f5fe-7c00-7a00-8000-0123456789ab', {
        email: 'old@example.com',
        joined: '2020-01-01T00:00:00+01:00',
        active: false,
      }),
      json('b.c:user:0190f5fe-7c00-7a00-8000-0123456789ac', {
        email: 'undefined',
        joined: '2020-01-01T00:00:00+01:00',
        active: true,
      }),
      json('b.c:user:me', {}),
      string('acme:email:a:b@c', 'x'),
    ],
    rows: {
      'SELECT tenant, right(id::text, 2), email, extract(epoch FROM since)::bigint, active FROM users ORDER BY 1':
        ['acme ab ann@example.com 1767225600 t', 'b.c ac null 1577833200 t'],
    },
    quarantine: ['CAPTURE_TYPE b.c:user:me'],
    fates: { 'b.c:user:me': 'quarantined', 'acme:email:a:b@c': 'index' },
  },
]
