import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface TestProject {
  readonly folder: string
  write(path: string, text: string): void
  remove(): void
}

/** A folder with the files of a project; by default a small one that works offline and on an ndjson file. */
export function createProject(files: Readonly<Record<string, string>> = SMALL): TestProject {
  const folder = mkdtempSync(join(tmpdir(), 'kvmig cli-'))
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(files)) write(path, text)
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export const PROJECT = `version: 1
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

export const SMALL = { 'migrations.yaml': PROJECT, 'plans/users.yaml': USERS, 'plans/posts.yaml': POSTS } as const
