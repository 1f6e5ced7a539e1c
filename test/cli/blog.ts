/** A small project: users in hashes, their posts in JSON, an index key, sessions. Works offline; its data is a file of lines. */
const PROJECT = `version: 1
sources:
  kv: \${KV_URL:-ndjson:./kv.ndjson}
target: \${DATABASE_URL:-pglite:./.kvmig/pg}
ephemeral:
  - { match: 'session:{_}', because: people sign in again }
`

export const USERS = `version: 1
plan: users
mappings:
  - match: user:{id:int}
    type: hash
    into: users
    fields: { id: $id, name: name, email: email | lower }
  - { match: 'users:by-email', type: hash, index: finds a user by address }
tables:
  users:
    columns: { id: bigint, name: text not null, email: text }
    primary_key: [id]
    indexes: { idx_users_email: [email] }
gates: { B: [row_count] }
examples:
  - entry: { key: 'user:1', hash: { name: Ada, email: ADA@example.com } }
    rows: { users: [{ id: 1, email: ada@example.com }] }
`

export const POSTS = `version: 1
plan: posts
mappings:
  - match: post:{id}
    type: string
    decode: json
    into: posts
    fields: { id: $id, author: author, title: title, at: at | epoch_ms }
tables:
  posts:
    columns: { id: text, author: bigint not null, title: text not null, at: timestamptz not null }
    primary_key: [id]
    references: [{ columns: [author], to: users(id) }]
gates: { B: [row_count] }
`

const entry = (key: string, type: string, value: unknown): string =>
  `${JSON.stringify({ key, type, value })}\n`
const user = (id: number, name: string): string =>
  entry(`user:${id}`, 'hash', [
    ['name', name],
    ['email', `${name}@Example.com`],
  ])
const post = (id: string, author: number, title: unknown): string =>
  entry(`post:${id}`, 'string', JSON.stringify({ author, title, at: 1_767_830_400_000 }))

/** Two users, three posts, a session, an index: nothing is wrong with it. */
export const GOOD = [
  user(1, 'Ada'),
  user(2, 'Bo'),
  post('a', 1, 'First'),
  post('b', 1, 'Second'),
  post('c', 2, 'Third'),
  entry('session:x', 'string', 'secret-session'),
  entry('users:by-email', 'hash', [['ada@example.com', '1']]),
].join('')

/** The same with a post of nobody, a post whose title is a number, and a key that no rule has. */
export const DIRTY =
  GOOD + post('o', 99, 'Orphan') + post('n', 2, 41_414_141) + entry('mystery:1', 'string', 'secret-mystery')

export const BLOG = {
  'migrations.yaml': PROJECT,
  'plans/users.yaml': USERS,
  'plans/posts.yaml': POSTS,
  'kv.ndjson': GOOD,
} as const
