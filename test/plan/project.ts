import type { Diagnostic } from '../../src/diagnostic.ts'
import { loadProject } from '../../src/plan/load.ts'
import type { ProjectFiles } from '../../src/plan/project-files.ts'
import { catalog } from './catalog.ts'

/** A valid project, with something of everything. */
export const PROJECT: Readonly<Record<string, string>> = {
  'migrations.yaml': `version: 1
sources:
  kv: \${KV_URL:-rdb:./kv.rdb}
target: \${DATABASE_URL:-pglite:./.kvmig/pg}
plans: plans/*.yaml
schema: schema.sql
budget: { commands: 200k, per_second: 500 }
ignore:
  - { match: 'ratelimit:{_:rest}', because: expires within a minute }
index:
  - { match: 'inbox:{_:rest}', type: list, because: mirrors messages }
ephemeral:
  - { match: 'session:{_}', because: people sign in again }
environments:
  staging:
    sources: { kv: 'rediss://staging.example' }
    target: \${STAGING_URL}
`,
  'schema.sql': `CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "userName" text NOT NULL UNIQUE,
  mood mood,
  created_at timestamptz NOT NULL DEFAULT '2026-01-01T00:00:00Z'
);
CREATE TYPE mood AS ENUM ('glad', 'sad');
`.replace(/(CREATE TABLE[\s\S]*?;\n)(CREATE TYPE.*\n)/, '$2$1'),
  'plans/handles.yaml': `version: 1
plan: handles
risk: low
mappings:
  - match: vibe:handles
    type: hash
    each: field
    decode: json
    into: handles
    fields:
      handle: $field
      registered_at: registeredAt | iso
  - match: user:{name_}
    type: hash
    into: users
    key: [userName]
    fields:
      userName: $name_
      mood: mood
tables:
  handles:
    columns:
      handle: text
      registered_at: timestamptz not null
    primary_key: [handle]
`,
  'plans/messages.yaml': `version: 1
plan: messages
risk: medium
after: [handles]
source: kv
mappings:
  - match: vibe:messages
    type: hash
    each: field
    decode: json
    into: messages
    key: [id]
    conflict: newest(created_at)
    fields:
      id:         $field
      from_user:  from | strip_prefix('@') | lower
      to_user:    to   | strip_prefix('@') | lower
      text:       text
      reactions:  reactions | default([])
      created_at: created_at | epoch_ms
    unmapped: { drop: [id], because: it repeats the name of the field }
    reject: { limit: 0.1% }
  - match: message:{id}
    type: string
    decode: json
    where: has(r.from) && has(r.to)
    into: messages
    fields: { id: $id, from_user: from | lower, to_user: to | lower, text: text, created_at: created_at | epoch_ms }
  - { match: 'message:draft:{_:rest}', ignore: drafts live on the device }

tables:
  messages:
    columns:
      id: text
      from_user: text not null
      to_user: text not null
      text: text not null
      reactions: jsonb not null default '[]'
      created_at: timestamptz not null
    primary_key: [id]
    indexes:
      idx_messages_thread: [ 'LEAST(from_user, to_user)', 'GREATEST(from_user, to_user)', created_at DESC ]
      idx_messages_to: { columns: [to_user], unique: false, where: text <> '' }
    references:
      - { columns: [from_user], to: handles(handle), on_delete: cascade, deferrable: true }
      - { columns: [to_user],   to: handles }

queries:
  thread:
    sql: |
      SELECT * FROM messages
      WHERE LEAST(from_user, to_user) = LEAST($1, $2) AND GREATEST(from_user, to_user) = GREATEST($1, $2)
      ORDER BY created_at DESC LIMIT 50
    args: [alice, bob]
    uses: idx_messages_thread

writes: { failure: available }

gates:
  B: [coverage, row_count, full, recency: { column: created_at, within: 24h }, orphans, index_use]
  C:
    - soak: 14d
    - divergence: { unexplained: 0, over: 24h, samples: 1000 }
    - fleet
  D: [soak: 7d]

triggers:
  C:
    - { when: latency, p95: 500ms, for: 10m, do: rollback }

archive: { to: 's3://vibe-archive/messages', keep: 30d }

accept:
  - { code: ORPHAN, match: 'vibe:messages', because: somebody left }

examples:
  - entry: { key: 'message:m1', string: '{"id":"m1"}', expires_at: '2036-01-01T00:00:00Z' }
    rows: { messages: [{ id: m1, from_user: ann, text: '007' }] }
  - entry: { key: 'vibe:messages', hash: { m2: "\\0", m3: { base64: /w== } } }
    rejects: [INVALID_JSON, { code: FIELD_MISSING, column: created_at }]
`,
}

/** Files as text by path; `*` in patterns matches within one folder. */
export function memoryFiles(files: Readonly<Record<string, string | Uint8Array>>): ProjectFiles {
  return {
    read(path) {
      const content = files[path]
      if (content === undefined) return { refused: 'unreadable', message: `There is no file "${path}".` }
      return { bytes: typeof content === 'string' ? Buffer.from(content) : content }
    },
    glob(pattern) {
      const name = new RegExp(`^${pattern.replace(/[.]/g, '\\.').replace(/\*/g, '[^/]*')}$`)
      return Object.keys(files)
        .filter((it) => name.test(it))
        .sort()
    },
  }
}

/** Loads the valid project with some of its files replaced, added, or (undefined) removed. */
export async function load(changes: Readonly<Record<string, string | Uint8Array | undefined>> = {}) {
  const files = Object.entries({ ...PROJECT, ...changes }).filter(
    (it): it is [string, string | Uint8Array] => it[1] !== undefined,
  )
  return loadProject({
    file: 'migrations.yaml',
    root: '/project',
    files: memoryFiles(Object.fromEntries(files)),
    catalog,
  })
}

/** Loads the valid project with one replacement of text in one of its files. */
export async function loadChanged(file: string, find: string | RegExp, by: string) {
  const before = PROJECT[file]!
  const after = before.replace(find, () => by)
  if (after === before) throw new Error(`Nothing to replace in ${file}: ${find}`)
  return load({ [file]: after })
}

/** `messages.yaml:12:3 KV014`: short, for tables. */
export const brief = (diagnostics: readonly Diagnostic[]): readonly string[] =>
  diagnostics.map(({ at, code }) => `${at?.file.replace('plans/', '')}:${at?.line}:${at?.column} ${code}`)
