// Deterministic data of the shapes that real stores have. Each shape gives, for record i, what to send to Redis, and the row it must become.

/** Small, fast and the same everywhere (mulberry32). */
export function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const WORDS =
  'the cron died again shipping parser tonight lunch at noon naïve café "quoted" back\\slash привет tab\there 100% done'.split(
    ' ',
  )

function message(i) {
  const next = random(i + 1)
  const length = 200 + Math.floor(next() * 700)
  let text = ''
  while (text.length < length) text += `${WORDS[Math.floor(next() * WORDS.length)]} `
  return {
    id: `m${((i * 2654435761) % 4294967296).toString(36)}-${i}`,
    from: `user${Math.floor(next() * 5000)}`,
    to: `user${Math.floor(next() * 5000)}`,
    text,
    created_at: 1700000000000 + Math.floor(next() * 60_000_000_000),
  }
}

const MESSAGE_TABLE =
  'id text PRIMARY KEY, from_user text NOT NULL, to_user text NOT NULL, text text NOT NULL, created_at timestamptz NOT NULL'
const MESSAGE_PLAN = `    decode: json
    into: messages
    key: [id]
    fields: { id: id, from_user: from, to_user: to, text: text, created_at: created_at | epoch_ms }
tables:
  messages:
    columns: { id: text, from_user: text not null, to_user: text not null, text: text not null, created_at: timestamptz not null }
    primary_key: [id]
`
const messageRow = (m) => [m.id, m.from, m.to, m.text, new Date(m.created_at).toISOString()]

export const SHAPES = {
  json: {
    summary: 'JSON strings of 300–1000 bytes, one key each',
    table: 'messages',
    columns: MESSAGE_TABLE,
    plan: `  - match: messages:{id}\n    type: string\n${MESSAGE_PLAN.replace('fields: { id: id,', 'unmapped: { drop: [id], because: it is in the key }\n    fields: { id: $id,')}`,
    command: (i) => {
      const m = message(i)
      return ['SET', `messages:${m.id}`, JSON.stringify(m)]
    },
    row: (i) => messageRow(message(i)),
    parse: (_, value) => messageRow(JSON.parse(value)),
  },
  hash: {
    summary: 'one hash of JSON fields',
    table: 'messages',
    columns: MESSAGE_TABLE,
    plan: `  - match: vibe:messages\n    type: hash\n    each: field\n${MESSAGE_PLAN.replace('id: id,', 'id: $field,')}    \n`.replace(
      'fields: { id: $field,',
      'unmapped: { drop: [id], because: it is the name of the field }\n    fields: { id: $field,',
    ),
    command: (i) => {
      const m = message(i)
      return ['HSET', 'vibe:messages', m.id, JSON.stringify(m)]
    },
    row: (i) => messageRow(message(i)),
    parse: (_, value) => messageRow(JSON.parse(value)),
  },
  fields: {
    summary: 'hashes of eight fields',
    table: 'users',
    columns:
      'handle text PRIMARY KEY, name text NOT NULL, bio text NOT NULL, followers integer NOT NULL, verified boolean NOT NULL, seen_at timestamptz NOT NULL, joined_at timestamptz NOT NULL, city text NOT NULL, score bigint NOT NULL',
    plan: `  - match: user:{handle}
    type: hash
    into: users
    key: [handle]
    fields: { handle: $handle, name: name, bio: bio, followers: followers | int, verified: verified | bool, seen_at: seen_at | epoch_ms, joined_at: joined_at | iso, city: city, score: score | int }
tables:
  users:
    columns: { handle: text, name: text not null, bio: text not null, followers: integer not null, verified: boolean not null, seen_at: timestamptz not null, joined_at: timestamptz not null, city: text not null, score: bigint not null }
    primary_key: [handle]
`,
    command: (i) => {
      const [handle, name, bio, followers, verified, seen, joined, city, score] = user(i)
      return [
        'HSET',
        `user:${handle}`,
        'name',
        name,
        'bio',
        bio,
        'followers',
        String(followers),
        'verified',
        String(verified),
        'seen_at',
        String(seen),
        'joined_at',
        new Date(joined).toISOString(),
        'city',
        city,
        'score',
        String(score),
      ]
    },
    row: (i) => {
      const row = user(i)
      return row.map((it, place) => (place === 5 || place === 6 ? new Date(it).toISOString() : String(it)))
    },
    parse: (key, it) => [
      key.slice('user:'.length),
      it.name,
      it.bio,
      Number(it.followers),
      it.verified === 'true',
      new Date(Number(it.seen_at)).toISOString(),
      it.joined_at,
      it.city,
      it.score,
    ],
  },
  small: {
    summary: 'small JSON, five numeric columns',
    table: 'credits',
    columns:
      'id bigint PRIMARY KEY, balance integer NOT NULL, used integer NOT NULL, allowance integer NOT NULL, version bigint NOT NULL',
    plan: `  - match: credits:{id:int}
    type: string
    decode: json
    into: credits
    key: [id]
    fields: { id: $id, balance: balance, used: used, allowance: allowance, version: version }
tables:
  credits:
    columns: { id: bigint, balance: integer not null, used: integer not null, allowance: integer not null, version: bigint not null }
    primary_key: [id]
`,
    command: (i) => {
      const [id, balance, used, allowance, version] = credits(i)
      return ['SET', `credits:${id}`, JSON.stringify({ balance, used, allowance, version })]
    },
    row: (i) => credits(i).map(String),
    parse: (key, value) => {
      const it = JSON.parse(value)
      return [key.slice('credits:'.length), it.balance, it.used, it.allowance, it.version]
    },
  },
}

function user(i) {
  const next = random(i + 7)
  const word = () => WORDS[Math.floor(next() * WORDS.length)]
  return [
    `u${((i * 40503) % 1000003).toString(36)}_${i}`,
    `${word()} ${word()}`,
    `${word()} ${word()} ${word()} ${word()}`,
    Math.floor(next() * 100000),
    next() < 0.5,
    1700000000000 + Math.floor(next() * 6e10),
    1600000000000 + Math.floor(next() * 6e10),
    word(),
    Math.floor(next() * 9e15),
  ]
}

function credits(i) {
  const next = random(i + 11)
  return [i + 1, Math.floor(next() * 10000), Math.floor(next() * 10000), 250, Math.floor(next() * 1e12)]
}

/** What kvmig reads as ndjson: the records `from` to `to` of a shape. A hash that holds all records comes in one line for each such part. */
export function ndjsonLines(shape, from, to, total) {
  const commands = Array.from({ length: to - from }, (_, at) => shape.command(from + at))
  const [[name, key]] = commands
  if (name === 'SET')
    return commands.map(([, key, value]) => `${JSON.stringify({ key, type: 'string', value })}\n`).join('')
  if (new Set(commands.map((it) => it[1])).size === commands.length)
    return commands
      .map(([, key, ...words]) => `${JSON.stringify({ key, type: 'hash', value: pairs(words) })}\n`)
      .join('')
  const value = commands.flatMap(([, , ...words]) => pairs(words))
  return `${JSON.stringify({ key, type: 'hash', value, offset: from, more: to < total })}\n`
}

const pairs = (words) =>
  Array.from({ length: words.length / 2 }, (_, at) => [words[2 * at], words[2 * at + 1]])

/** One line of COPY text format. */
export const copyLine = (row) =>
  `${row.map((it) => it.replace(/[\\\t\n\r]/g, (c) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[c])).join('\t')}\n`

/** One command in the Redis protocol. */
export const resp = (words) =>
  `*${words.length}\r\n${words.map((it) => `$${Buffer.byteLength(it)}\r\n${it}\r\n`).join('')}`
