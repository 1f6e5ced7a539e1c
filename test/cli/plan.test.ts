import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'
import { BLOG, POSTS, USERS } from './blog.ts'

const folders: ReturnType<typeof projectFolder>[] = []
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = projectFolder({ ...BLOG, ...files })
  folders.push(folder)
  return folder.path
}
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove()
})

test('says what would happen, plan by plan, and changes nothing', async () => {
  const { code, stdout, stderr } = await runCli(['plan', '--no-prove'], { cwd: folderOf({}) })
  expect(stdout).toMatchInlineSnapshot(`
    "plans/users.yaml  users  ndjson:./kv.ndjson ► pglite:./.kvmig/pg  wave 1

      A   + table        users                  3 columns
          > backfill     user:{id:int} ► users  hash
          + index        users.idx_users_email  email
          ~ analyze      users                  statistics for the query planner
      ──  gate B         coverage, unmapped, row_count, full, orphans, unique_keys, sequences, quarantine

      How far each mapping goes
        user:{id:int}  A and B  C wants a way back, or one_way to accept it: email
        ► Keep the source’s form in a column of its own, or accept that it is lost: kvmig explain ONE_WAY.

      One-way fields: phase C needs them accepted, or kept in their source form
        users.email  lower: the case of letters is forgotten

    plans/posts.yaml  posts  ndjson:./kv.ndjson ► pglite:./.kvmig/pg  wave 2

      A   + table        posts                  4 columns
          > backfill     post:{id} ► posts      string
          ~ analyze      posts                  statistics for the query planner
          + foreign key  posts.author ► users   posts_author_fkey, orphans to quarantine
          ? validate     posts_author_fkey      posts
      ──  gate B         coverage, unmapped, row_count, full, orphans, unique_keys, sequences, quarantine

    Plan: 9 steps, 2 gates. Nothing has been changed. Next: kvmig apply --phase=A
    "
  `)
  expect(stderr).toBe('')
  expect(code).toBe(0)
})

test('says of each mapping how far it goes, and whether there is a way back', async () => {
  const plan = (name: string, mapping: string, more = '') =>
    `version: 1\nplan: ${name}\nmappings: [{ into: ${name}, ${mapping} }]\ntables: { ${name}: { columns: { id: text, v: text }, primary_key: [id] } }\n${more}`
  const cwd = folderOf({
    'plans/whole.yaml': plan('whole', "match: 'w:{id}', type: string, fields: { id: $id, v: $value }"),
    'plans/asks.yaml': plan(
      'asks',
      "match: 'a:{id}', type: string, fields: { id: $id, v: \"get('b:{$id}')\" }",
    ),
    'plans/known.yaml': plan(
      'known',
      "match: 'k:{id}', type: string, fields: { id: $id, v: $value | upper }",
      'gates: { C: [{ one_way: { accept: [v] }, because: nobody needs it }] }\n',
    ),
  })
  const { stdout } = await runCli(['plan', '--no-prove', '--json'], { cwd })
  const { plans } = JSON.parse(stdout)
  expect(
    Object.fromEntries(
      plans.flatMap((it: { road: { match: string }[] }) =>
        it.road.map(({ match, ...rest }) => [match, rest]),
      ),
    ),
  ).toEqual({
    'user:{id:int}': { mapping: 'users', to: 'B', back: false, why: expect.stringContaining('email') },
    'post:{id}': { mapping: 'posts', to: 'D', back: true, why: '' },
    'w:{id}': { mapping: 'whole', to: 'D', back: true, why: '' },
    'a:{id}': { mapping: 'asks', to: 'A', back: false, why: 'columns depend on what other keys say' },
    'k:{id}': { mapping: 'known', to: 'D', back: false, why: 'accepted, without a way back: v' },
  })
  const text = await runCli(['plan', '--no-prove'], { cwd })
  expect(text.stdout).toMatch(/a:\{id\} +A +columns depend on what other keys say/)
})

test('of one plan brings along what it needs, and says why', async () => {
  const { stdout } = await runCli(['plan', 'posts', '--no-prove'], { cwd: folderOf({}) })
  expect(stdout).toContain('wave 1, needed by posts')
})

test('with --detailed-exitcode exits 2 while there is something to do', async () => {
  const { code } = await runCli(['plan', '--no-prove', '--detailed-exitcode'], { cwd: folderOf({}) })
  expect(code).toBe(2)
})

test('reads .env beside the project; what is set already wins; what it holds is not shown', async () => {
  const cwd = folderOf({
    '.env': 'KV_URL=redis://user:hunter2@10.0.0.1\nDATABASE_URL=postgres://app:hunter2@10.0.0.2/app\n',
  })
  const { stdout } = await runCli(['plan', '--no-prove'], { cwd, env: { KV_URL: 'rdb:./other.rdb' } })
  expect(stdout).toContain('users  rdb:./other.rdb ► $DATABASE_URL  wave 1')
  expect(stdout).not.toContain('hunter2')
})

describe('mistakes', () => {
  const broken = {
    'plans/users.yaml': USERS.replace('| lower', '| lowr').replace('[email]', '[mail]'),
    'plans/posts.yaml': POSTS.replace('at | epoch_ms', 'at').replace('users(id)', 'user(id)'),
  }

  test('come all at once, with their places, and exit 1', async () => {
    const { code, stdout } = await runCli(['plan'], { cwd: folderOf(broken) })
    const places = stdout.match(/^\S+:\d+:\d+ {2}KV\d{3}/gm)
    expect(places?.map((it) => it.replace(/:\d+ /, ' '))).toEqual([
      'plans/posts.yaml:8  KV034',
      'plans/posts.yaml:13  KV042',
      'plans/users.yaml:7  KV014',
      'plans/users.yaml:13  KV043',
    ])
    expect(stdout).toContain('Did you mean "lower"?')
    expect(stdout).toMatch(/Plan: 4 errors\. Nothing has been changed\./)
    expect(code).toBe(1)
  })

  test('are annotations with --format github, and data with --json', async () => {
    const cwd = folderOf(broken)
    const github = await runCli(['plan', '--format', 'github'], { cwd })
    expect(github.stdout).toMatch(
      /^::error file=plans\/users\.yaml,line=7,col=\d+,title=KV014::There is no transform/m,
    )
    expect(github.code).toBe(1)

    const json = await runCli(['plan', '--json'], { cwd })
    const { diagnostics } = JSON.parse(json.stdout)
    expect(diagnostics).toContainEqual(expect.objectContaining({ code: 'KV014', severity: 'error' }))
    expect(json.code).toBe(1)
  })

  test('stop every other command too, on stderr', async () => {
    const cwd = folderOf(broken)
    for (const line of ['apply --phase=A', 'status', 'graph', 'test', 'diff']) {
      const { code, stdout, stderr } = await runCli(line.split(' '), { cwd })
      expect(stderr).toContain('KV014  There is no transform "lowr".')
      expect(stderr).toMatch(/4 mistakes in 2 files\. Nothing was changed\./)
      expect(stdout).toBe('')
      expect(code).toBe(1)
    }
  })
})

describe('the proof of the DDL', () => {
  test('tells wrong SQL with its place, once, and remembers', async () => {
    const cwd = folderOf({
      'plans/users.yaml': USERS.replace('[email]', "['lower(mail)']"),
      'plans/posts.yaml': `${POSTS}queries:\n  newest: { sql: 'SELECT titel FROM posts' }\n`,
    })
    for (const _ of ['proven', 'remembered']) {
      const { code, stdout } = await runCli(['plan'], { cwd })
      expect(stdout).toMatch(
        /^plans\/users\.yaml:\d+:\d+ {2}KV200 {2}Postgres refuses index idx_users_email: column "mail" does not exist\./m,
      )
      expect(stdout).toMatch(
        /^plans\/posts\.yaml:\d+:\d+ {2}KV200 {2}Postgres refuses query newest of plan posts: column "titel" does not exist\./m,
      )
      expect(code).toBe(1)
    }
    expect((await runCli(['plan', '--no-prove'], { cwd })).code).toBe(0)
  })

  test('asks what was meant by a type that nobody knows', async () => {
    const cwd = folderOf({ 'plans/users.yaml': USERS.replace('email: text', 'email: txt') })
    const { code, stdout } = await runCli(['plan'], { cwd })
    expect(stdout).toContain(
      'KV200  Postgres refuses table users: type "txt" does not exist. Did you mean text?',
    )
    expect(code).toBe(1)
  })

  test('knows the tables that the application owns', async () => {
    const cwd = folderOf({
      'migrations.yaml': `${BLOG['migrations.yaml']}schema: schema.sql\n`,
      'schema.sql': `CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE TABLE people (id bigserial PRIMARY KEY, mood mood NOT NULL DEFAULT 'sad', since timestamptz DEFAULT app_now());`,
      'plans/posts.yaml': POSTS.replace('users(id)', 'people(id)').replace(
        'title: text',
        'mood: mood, title: text',
      ),
    })
    const { code, stdout } = await runCli(['plan'], { cwd })
    expect(stdout).toContain('posts.author ► people')
    expect(code).toBe(0)
  })
})

describe('formats', () => {
  test.each([
    ['md', /^<!-- kvmig:plan:migrations\.yaml: -->\n### kvmig plan\n/],
    ['mermaid', /^flowchart LR\n {2}subgraph g0\["users"\]\n/],
    ['json', /^\{\n {2}"kind": "plan",/],
  ])('%s', async (format, beginning) => {
    const { code, stdout } = await runCli(['plan', '--no-prove', '--format', format], { cwd: folderOf({}) })
    expect(stdout).toMatch(beginning)
    expect(code).toBe(0)
  })

  test.each([
    ['text', /^users\/A\/table\/users\nusers\/A\/backfill\/users\n {2}users\/A\/table\/users\n/],
    ['mermaid', /^flowchart LR\n/],
    ['dot', /^digraph kvmig \{\n/],
  ])('graph as %s', async (format, beginning) => {
    const { code, stdout } = await runCli(['graph', '--format', format], { cwd: folderOf({}) })
    expect(stdout).toMatch(beginning)
    expect(code).toBe(0)
  })
})

test('schema prints the schema that is checked in', async () => {
  const { code, stdout } = await runCli(['schema'], { cwd: folderOf({}) })
  expect(stdout).toBe(readFileSync(join(import.meta.dirname, '../../schema.json'), 'utf8'))
  expect(code).toBe(0)
})

describe('test', () => {
  test('shows expected and actual side by side, and exits 1', async () => {
    const cwd = folderOf({
      'plans/users.yaml': USERS.replace('id: 1, email: ada@example.com', 'id: 1, email: ADA@example.com'),
    })
    const { code, stdout } = await runCli(['test'], { cwd })
    expect(stdout).toMatchInlineSnapshot(`
      "✗ fail  users  user:1  plans/users.yaml:16:5
           users  expected         actual
           id     1                1
        ≠  email  ADA@example.com  ada@example.com

      Test: 1 of 1 example failed. Mend the mapping, or what the example expects.
      "
    `)
    expect(code).toBe(1)
  })

  test('says where a document differs, in the words of Postgres, and why a record was turned away', async () => {
    const plan = `version: 1
plan: users
mappings:
  - { match: 'user:{id:int}', decode: json, into: users, fields: { id: $id, age: age | int, tags: tags, at: at | epoch_ms, doc: doc } }
tables:
  users:
    columns: { id: bigint, age: integer, tags: 'text[]', at: timestamptz, doc: jsonb }
    primary_key: [id]
examples:
  - entry: { key: 'user:1', string: '{"age":"12","tags":["a"],"at":1767830400000,"doc":{"b":[1,2],"c":3}}' }
    rows: { users: [{ id: 1, age: 12, tags: [b], at: '2026-01-08T00:00:00Z', doc: { b: [1, 4], d: 3 } }] }
  - entry: { key: 'user:2', string: '{"age":"x"}' }
    rows: { users: [{ id: 2 }] }
`
    const { stdout } = await runCli(['test'], { cwd: folderOf({ 'plans/users.yaml': plan }) })
    expect(stdout).toMatchInlineSnapshot(`
      "✗ fail  users  user:1  plans/users.yaml:10:5
           users       expected                actual
           id          1                       1
           age         12                      12
        ≠  tags        {b}                     {a}
           at          2026-01-08 00:00:00+00  2026-01-08 00:00:00+00
        ≠  doc         {"b": [1, 4], "d": 3}   {"b": [1, 2], "c": 3}
             doc.b[1]  4                       2
             doc.d     3                       nothing
             doc.c     nothing                 3

      ✗ fail  users  user:2  plans/users.yaml:12:5
        rejects: expected none, got NOT_AN_INTEGER
          NOT_AN_INTEGER in age: Expected an integer, found text of 1 characters that is none.

           users  expected  actual: no such row
        ≠  id     2         ·

      Test: 2 of 2 examples failed. Mend the mapping, or what the example expects.
      "
    `)
  })

  test.each<[string, { columns?: string; key?: string; fails: string }]>([
    [
      'a row that the constraints refuse',
      { columns: 'checks: ["name <> \'Ada\'"]', fails: 'Postgres refuses the row' },
    ],
    ['no rule for the key', { key: 'usr:1', fails: 'No rule takes this key.' }],
    [
      'a rule that leaves the key alone',
      { key: 'session:1', fails: 'Another rule takes this key: one of the project.' },
    ],
  ])('tells %s', async (_, { columns = '', key = 'user:1', fails }) => {
    const plan = USERS.replace("key: 'user:1'", `key: '${key}'`).replace(
      'primary_key: [id]',
      `primary_key: [id]${columns ? `\n    ${columns}` : ''}`,
    )
    const { code, stdout } = await runCli(['test'], { cwd: folderOf({ 'plans/users.yaml': plan }) })
    expect(stdout).toContain(fails)
    expect(code).toBe(1)
  })
})

test('an environment that the project does not name is refused, also where no store is opened', async () => {
  const { code, stdout, stderr } = await runCli(['--env', 'nope', 'plan', '--no-prove'], {
    cwd: folderOf({}),
  })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain('ENVIRONMENT_UNKNOWN  There is no environment "nope" in migrations.yaml.')
})

test('--out makes no folders', async () => {
  const cwd = folderOf({})
  const { code, stderr } = await runCli(['plan', '--no-prove', '--out', 'not/there.kvplan'], { cwd })
  expect(code).toBe(1)
  expect(stderr).toContain('there is no such file or folder')
  expect(existsSync(join(cwd, 'not'))).toBe(false)
})
