import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type Ran, runCli } from '../setup/run-cli.ts'
import { BLOG, POSTS, USERS } from './blog.ts'

let database: FreshDatabase
let project: ReturnType<typeof projectFolder>

const kvmig = (line: string): Promise<Ran> =>
  runCli(line.split(' '), { cwd: project.path, env: { DATABASE_URL: database.url } })
const write = (path: string, text: string): void => writeFileSync(join(project.path, path), text)

beforeEach(async () => {
  database = await freshDatabase()
  project = projectFolder(BLOG)
})
afterEach(async () => {
  project?.remove()
  await database?.drop()
})

describe('a plan that lost a table', () => {
  const withoutPosts = `version: 1
plan: posts
mappings: [{ match: 'post:{id}', ignore: nobody reads them any more }]
`

  beforeEach(async () => {
    expect(await kvmig('apply --phase=A')).toMatchObject({ code: 0 })
    write('plans/posts.yaml', withoutPosts)
  })

  test('plan says what will be dropped, and that it is a change', async () => {
    const { code, stdout } = await kvmig('plan --live --detailed-exitcode')
    expect(stdout).toContain(
      'Done before, and not in the plans any more: apply takes it back\n  - posts  the table goes, with 3 rows and 1 foreign key\n',
    )
    expect(stdout).toMatch(/Plan: 5 steps to take back, 4 done.*Next: kvmig apply --phase=A/)
    expect(code).toBe(2)
  })

  test('apply names the table and its rows before it drops it', async () => {
    const { code, stderr } = await kvmig('apply --phase=A')
    expect(stderr).toContain('- posts  the table goes, with 3 rows and 1 foreign key\n')
    expect(stderr).toContain('Not in the plans any more, and not copied again: posts.')
    expect(stderr).not.toContain('posts/A/')
    expect(code).toBe(1)
  })
})

describe('a table that somebody dropped', () => {
  beforeEach(async () => {
    expect(await kvmig('apply --phase=A')).toMatchObject({ code: 0 })
    await database.query('DROP TABLE posts')
  })

  test('apply, check and status say what to do, and that is what helps', async () => {
    const apply = await kvmig('apply --phase=A')
    expect(apply).toMatchObject({ code: 1, stdout: '' })
    expect(apply.stderr).toContain('TABLE_GONE  Table posts was applied, and is not there any more')
    expect(apply.stderr).toContain('kvmig rollback posts forgets')
    expect((await kvmig('check')).stdout).toContain('Where somebody dropped it since: kvmig rollback PLAN')
    expect((await kvmig('status')).stdout).toContain(
      'Table posts is not there any more: kvmig rollback posts',
    )
    expect(await kvmig('apply --phase=A users')).toMatchObject({ code: 0 })

    const { code, stdout } = await kvmig('rollback posts --yes')
    expect([code, stdout]).toEqual([0, expect.stringContaining('Rollback: 5 steps done')])
    expect(await kvmig('apply --phase=A')).toMatchObject({ code: 0 })
    expect((await database.query('SELECT count(*)::int FROM posts')).rows).toEqual([{ count: 3 }])
  })
})

test('the summary counts what is in the table, also what nobody copied', async () => {
  await kvmig('apply --phase=A')
  await database.query(`INSERT INTO posts VALUES ('mine', 1, 'By hand', now())`)
  const { stdout } = await kvmig('apply --phase=A --json')
  const { tables } = JSON.parse(stdout)
  expect(tables.map(({ table, rows }: { table: string; rows: number }) => [table, rows])).toEqual([
    ['users', 2],
    ['posts', 4],
  ])
})

test('what is in quarantine is no row that rollback would take away', async () => {
  const orphan = { key: 'post:o', type: 'string', value: '{"author":99,"title":"x","at":1767830400000}' }
  write('kv.ndjson', `${BLOG['kv.ndjson']}${JSON.stringify(orphan)}\n`)
  await kvmig('apply --phase=A')
  const { stderr } = await kvmig('rollback posts')
  expect(stderr).toContain('- posts  the table goes, with 3 rows and 1 foreign key\n')
})

test('rollback says before how many rows of the application stay overwritten', async () => {
  const schema = ownedUsers()
  await database.query(`${schema} INSERT INTO users VALUES (1, 'Before', NULL), (7, 'Apart', NULL)`)
  expect(await kvmig('apply --phase=A users')).toMatchObject({ code: 0 })

  const { stderr } = await kvmig('rollback users')
  expect(stderr).toContain(
    '- users  1 row goes; the table stays; 1 row of the application was overwritten (existing: update) and will stay so',
  )
  expect(await kvmig('rollback users --yes')).toMatchObject({ code: 0 })
  expect((await database.query('SELECT id::int, name FROM users ORDER BY id')).rows).toEqual([
    { id: 1, name: 'Ada' },
    { id: 7, name: 'Apart' },
  ])
})

describe('a key that is gone from the source', () => {
  const without = (key: string): string =>
    BLOG['kv.ndjson']
      .split('\n')
      .filter((it) => !it.includes(`"${key}"`))
      .join('\n')

  test('is traced to the row that it left, by the row itself', async () => {
    await kvmig('apply --phase=A')
    write('kv.ndjson', without('post:c'))
    const { code, stdout } = await kvmig('trace post:c')
    expect(stdout).toContain('✗ extra  posts\n')
    expect(stdout).toContain(
      'Trace: kv has no such key any more, and 1 row that came from it still stands. The catch-up of phase B takes it away, or kvmig rollback and a new apply.',
    )
    expect(code).toBe(0)
  })

  test('is traced by what is remembered, where a row does not say its key', async () => {
    write('plans/posts.yaml', POSTS.replace('id: $id,', 'id: $id | lower,'))
    await kvmig('apply --phase=A')
    expect((await database.query('SELECT count(*)::int FROM kvmig.origin')).rows).toEqual([{ count: 3 }])
    write('kv.ndjson', without('post:c'))
    expect((await kvmig('trace post:c')).stdout).toContain('✗ extra  posts\n')
    expect((await kvmig('trace post:x')).stdout).toContain('has no such key, and no row came from it.')
  })
})

test('a plan that was renamed meets its own table, and is told whose it is', async () => {
  await kvmig('apply --phase=A')
  write('plans/posts.yaml', POSTS.replace('plan: posts', 'plan: articles'))
  const { code, stdout } = await kvmig('apply --phase=A')
  expect(stdout).toContain('TABLE_TAKEN  Table posts is there already: plan posts made it.')
  expect(stdout).toContain('kvmig rollback posts takes back what it did under that name')
  expect(code).toBe(1)
  expect(await kvmig('rollback posts --yes')).toMatchObject({ code: 0 })
  expect(await kvmig('apply --phase=A')).toMatchObject({ code: 0 })
})

test('a table of the application that somebody dropped is not promised by kvmig', async () => {
  await database.query(ownedUsers())
  expect(await kvmig('apply --phase=A users')).toMatchObject({ code: 0 })
  await database.query('DROP TABLE users')
  const { stderr } = await kvmig('apply --phase=A users')
  expect(stderr).toContain('TABLE_GONE  Table users was applied, and is not there any more')
  expect(stderr).toContain(
    'let the application’s own migrations make it again. Then kvmig rollback users forgets',
  )
})

/** Makes users a table of the application, and gives its DDL. */
function ownedUsers(): string {
  const schema = 'CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, email text);\n'
  write('migrations.yaml', `${BLOG['migrations.yaml']}schema: schema.sql\n`)
  write('schema.sql', schema)
  write(
    'plans/users.yaml',
    USERS.replace(/tables:[\s\S]*gates/, 'gates').replace('into: users', 'into: users\n    existing: update'),
  )
  return schema
}
