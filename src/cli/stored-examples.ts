/** A plan, what the source holds, and what was in the database before. */
export interface StoredCase {
  /** `mappings:` and `tables:`. */
  readonly plan: string
  readonly entries: readonly string[]
  /** The application's own table and its rows, as SQL. */
  readonly before?: string
}

export interface StoredExample {
  readonly wrong: StoredCase
  readonly right: StoredCase
}

/** The same lines for people. */
export const showStored = ({ plan, entries, before }: StoredCase): string =>
  [
    ...(before === undefined ? [] : [`# before the migration: ${before}`]),
    plan,
    'entries:',
    ...entries.map((it) => `  - ${it}`),
  ].join('\n')

const example = (wrong: StoredCase, change: Partial<StoredCase>): StoredExample => ({
  wrong,
  right: { ...wrong, ...change },
})

const USERS = (mapping: string, table: string): string => `mappings:
  - { match: 'user:{id}', type: hash, into: users, ${mapping}fields: { id: $id, name: name } }
tables:
  users: { columns: { id: text, name: text }, primary_key: [id]${table} }`

const GENERATIONS = (conflict: string): string => `mappings:
  - { match: 'user:{id}', type: hash, into: users, ${conflict}fields: { id: $id, name: name } }
  - { match: 'account:{id}', type: hash, into: users, ${conflict}fields: { id: $id, name: title } }
tables:
  users: { columns: { id: text, name: text }, primary_key: [id] }`

const POSTS = `mappings:
  - { match: 'user:{id}', type: hash, into: users, fields: { id: $id, name: name } }
  - { match: 'post:{id}', type: hash, into: posts, fields: { id: $id, author: author } }
tables:
  users: { columns: { id: text, name: text }, primary_key: [id] }
  posts: { columns: { id: text, author: text }, primary_key: [id], references: [{ columns: [author], to: users(id) }] }`

const OWN = (existing: string): string => `mappings:
  - { match: 'user:{id}', type: hash, into: users, ${existing}fields: { id: $id, name: name } }`

/** For each reason that only shows in the database: records that are turned away for it, and the way out. Both are run by the tests. */
export const STORED_EXAMPLES: Readonly<Record<string, StoredExample>> = {
  CONFLICT: example(
    {
      plan: GENERATIONS(''),
      entries: ["{ key: 'user:1', hash: { name: Ann } }", "{ key: 'account:1', hash: { title: Anna } }"],
    },
    { plan: GENERATIONS('conflict: keep, ') },
  ),
  CONSTRAINT: example(
    {
      plan: USERS('', ', checks: ["name <> \'\'"]'),
      entries: ["{ key: 'user:1', hash: { name: '' } }"],
    },
    { entries: ["{ key: 'user:1', hash: { name: Ann } }"] },
  ),
  EXISTING_ROW: example(
    {
      before: "CREATE TABLE users (id text PRIMARY KEY, name text); INSERT INTO users VALUES ('1', 'Anna');",
      plan: OWN(''),
      entries: ["{ key: 'user:1', hash: { name: Ann } }"],
    },
    { plan: OWN('existing: update, conflict: update, ') },
  ),
  ORPHAN: example(
    { plan: POSTS, entries: ["{ key: 'post:1', hash: { author: ann } }"] },
    { entries: ["{ key: 'user:ann', hash: { name: Ann } }", "{ key: 'post:1', hash: { author: ann } }"] },
  ),
  UNIQUE_VIOLATION: example(
    {
      plan: USERS('', ', unique: [[name]]'),
      entries: ["{ key: 'user:1', hash: { name: Ann } }", "{ key: 'user:2', hash: { name: Ann } }"],
    },
    { entries: ["{ key: 'user:1', hash: { name: Ann } }", "{ key: 'user:2', hash: { name: Bo } }"] },
  ),
}
