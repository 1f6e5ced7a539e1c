import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { type Ran, runCli } from '../setup/run-cli.ts'
import { BLOG, DIRTY, GOOD, POSTS } from './blog.ts'

let database: FreshDatabase
let project: ReturnType<typeof projectFolder>

const kvmig = (line: string, options: { answer?: string } = {}): Promise<Ran> =>
  runCli(line.split(' '), { cwd: project.path, env: { DATABASE_URL: database.url }, ...options })
const write = (path: string, text: string): void => writeFileSync(join(project.path, path), text)
const count = async (table: string): Promise<number> =>
  Number((await database.query(`SELECT count(*) FROM ${table}`)).rows[0].count)
const json = (text: string) => JSON.parse(text)
// How long something took is different every time, and so is its width.
const timeless = (text: string): string => text.replace(/ *\d+(\.\d+)? m?s\b/g, ' (time)')

beforeAll(async () => {
  database = await freshDatabase()
  project = projectFolder({ ...BLOG, 'kv.ndjson': DIRTY })
})
afterAll(async () => {
  project?.remove()
  await database?.drop()
})

describe('before anything was applied', () => {
  test('inspect says what kinds of keys there are, without a value', async () => {
    const { code, stdout } = await kvmig('inspect')
    expect(stdout).toMatchInlineSnapshot(`
      "kv (ndjson:./kv.ndjson): 10 keys looked at, 9 kinds

        keys  type    pattern         holds                   bytes  expire  for example
           2  hash    user:{…}        fields {email, name}     52 B          user:1
           1  string  mystery:{…}     text                     14 B          mystery:1
           1  string  post:a          json, names not told     47 B          post:a
           1  string  post:b          json, names not told     48 B          post:b
           1  string  post:c          json, names not told     47 B          post:c
           1  string  post:n          json, names not told     48 B          post:n
           1  string  post:o          json, names not told     49 B          post:o
           1  string  session:x       text                     14 B          session:x
           1  hash    users:by-email  fields, names not told   16 B          users:by-email

      Next: a rule for each kind, in a plan (mappings) or in the project (ignore, index, ephemeral); kvmig plan --live counts what is left.
      "
    `)
    expect(code).toBe(0)
  })

  test('status says that there is nothing yet', async () => {
    const { code, stdout } = await kvmig('status')
    expect(stdout).toContain('Status: nothing has been applied to this target. Next: kvmig plan')
    expect(code).toBe(0)
  })

  test('plan --live counts keys, rejects and uncovered keys, and forecasts', async () => {
    const { code, stdout } = await kvmig('plan --live')
    const live = stdout.slice(stdout.indexOf('Target\n')).replace(/[\d.]+ MB/g, 'n MB')
    expect(live).toMatchInlineSnapshot(`
      "Target
        Postgres, directly. A session is one’s own, and LISTEN works.

      Keys of kv
         6  migrated
         1  quarantined
         1  index
         1  ephemeral
         1  uncovered
        10  keys in all

      Coverage
        2  user:{id:int} (hash)  migrated   users
        1  users:by-email        index      users
        5  post:{id} (string)    migrated   posts
        1  session:{_}           ephemeral  project

      Uncovered: map these, or list them under ignore, index or ephemeral
        1  mystery:{…}  e.g. mystery:1

      Records
        users  2 keys  2 records
        posts  5 keys  5 records

      Rejects to expect
        1  TYPE_MISMATCH  posts.title  e.g. post:n

      Forecast
        about 6 rows, 365 B, 0 commands
        storage n MB now, about n MB after the copy

      Plan: 9 steps, 2 gates. Nothing has been changed. 1 key is uncovered and will keep gate B closed. Next: kvmig apply --phase=A
      "
    `)
    expect(code).toBe(0)
    expect(await count("pg_namespace WHERE nspname LIKE 'kvmig%'")).toBe(0)
  })

  test('plan --live is content with a role that may only look', async () => {
    await database.query(`CREATE ROLE looks_${database.name} LOGIN`)
    const url = new URL(database.url)
    url.username = `looks_${database.name}`
    const { code, stdout } = await runCli(['plan', '--live'], {
      cwd: project.path,
      env: { DATABASE_URL: url.href },
    })
    await database.query(`DROP ROLE looks_${database.name}`)
    expect(stdout).toContain('KV202  warning: The role may not make a scratch schema')
    expect(stdout).toContain('Plan: 9 steps, 2 gates.')
    expect(code).toBe(0)
  })

  test('diff, trace, retry, rollback and uninstall have nothing to do, or say what to do first', async () => {
    expect(await kvmig('diff')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('kvmig apply --phase=A'),
    })
    expect(await kvmig('trace post:a')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('✗ missing  posts'),
    })
    expect(await kvmig('retry')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Retry: nothing to do.'),
    })
    expect(await kvmig('rollback')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Rollback: nothing to do.'),
    })
    expect(await kvmig('uninstall')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('There is no schema kvmig'),
    })
    expect(await kvmig('accept posts --because x')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NOTHING_TO_ACCEPT'),
    })
    expect(await kvmig('unlock 5')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('LEASE_UNKNOWN'),
    })
  })
})

describe('a first apply, of data that is not clean', () => {
  let applied: Ran
  beforeAll(async () => {
    applied = await kvmig('apply --phase=A')
  })

  test('copies what it can, keeps the gate closed and exits 3', () => {
    expect(timeless(applied.stdout)).toMatchInlineSnapshot(`
      "  ✓ done  users  + table        users (time)  created
        ✓ done  users  > backfill     user:{id:int} ► users (time)  2 keys, 2 inserted
        ✓ done  users  + index        users.idx_users_email (time)
        ✓ done  users  ~ analyze      users (time)
        ✓ done  posts  + table        posts (time)  created
        ✓ done  posts  > backfill     post:{id} ► posts (time)  5 keys, 4 inserted, 1 rejected
        ✓ done  posts  ~ analyze      posts (time)
        ✓ done  posts  + foreign key  posts.author ► users (time)  1 quarantined
        ✓ done  posts  ? validate     posts_author_fkey (time)

      ✗ gate B  users  closed
        ✗ fail  coverage  10 keys in kv: 5 migrated, 2 quarantined, 1 index, 1 ephemeral and 1 uncovered.  KV301
                expected Every key of the source has a rule, and every mapping of the plan finds keys.
                e.g. mystery:{…} (1 key, such as mystery:1)
                ► Give these keys a mapping, or let them be with a reason: ignore, index or ephemeral, in the plan or the project.

      ✗ gate B  posts  closed
        ✗ fail  coverage    10 keys in kv: 5 migrated, 2 quarantined, 1 index, 1 ephemeral and 1 uncovered.  KV301
                expected Every key of the source has a rule, and every mapping of the plan finds keys.
                e.g. mystery:{…} (1 key, such as mystery:1)
                ► Give these keys a mapping, or let them be with a reason: ignore, index or ephemeral, in the plan or the project.
        ✗ fail  quarantine  2 open records (1 ORPHAN, 1 TYPE_MISMATCH), 0 accepted.                          KV311
                expected No record is left in the quarantine that nobody has looked at and accepted.
                e.g. TYPE_MISMATCH post:n (posts.title), ORPHAN post:o (posts.author)
                ► Mend the plan or the data, then kvmig retry posts. What may stay behind: accept: in the plan, or kvmig accept posts, with a reason.

      Rows
        users  2  2 inserted
        posts  3  4 inserted, 1 rejected, 1 quarantined

      Keys of kv
         5  migrated
         2  quarantined
         1  index
         1  ephemeral
         1  uncovered
        10  keys in all

      Quarantine
        1 open    ORPHAN         posts  e.g. post:o
        1 open    TYPE_MISMATCH  posts  e.g. post:n

      Look at the rows
        psql "$DATABASE_URL" -c 'SELECT * FROM users LIMIT 5'
        psql "$DATABASE_URL" -c 'SELECT * FROM posts LIMIT 5'

      Apply: 9 steps done in (time), but gate B stays closed for users and posts. Mend what is listed, then ask again with kvmig check. kvmig retry replays what is in quarantine.
      "
    `)
    expect(applied.code).toBe(3)
  })

  test('tells what it does on stderr, line by line', () => {
    const lines = timeless(applied.stderr).trimEnd().split('\n')
    // Plans run side by side: only the order within each of them is sure.
    const of = (plan: string) => lines.filter((it) => it.startsWith(plan)).join('\n')
    expect(`${of('users')}\n${of('posts')}`).toMatchInlineSnapshot(`
      "users    table users: created ( (time))
      users    backfill user:{id:int} ► users: 2 inserted ( (time))
      users    index users.idx_users_email: done ( (time))
      users    analyze users: done ( (time))
      users    gate B: closed (coverage) ( (time))
      posts    table posts: created ( (time))
      posts    backfill post:{id} ► posts: 4 inserted, 1 rejected ( (time))
      posts    analyze posts: done ( (time))
      posts    foreign key posts.author ► users: 1 quarantined ( (time))
      posts    validate posts_author_fkey: done ( (time))
      posts    gate B: closed (coverage, quarantine) ( (time))"
    `)
  })

  test('prints no value of the source anywhere', () => {
    expect(applied.stdout + applied.stderr).not.toMatch(/secret|Orphan|41414141|Third/)
  })

  test('a second one has nothing to copy; the gate is asked again', async () => {
    const { code, stdout } = await kvmig('apply --phase=A --json')
    const report = json(stdout)
    expect(report.steps.filter((it: { status: string }) => it.status === 'kept')).toHaveLength(9)
    expect(report.outcome).toBe('closed')
    expect(code).toBe(3)
  })

  test('check asks the gate without writing anything down', async () => {
    const before = await count('kvmig.finding')
    const { code, stdout } = await kvmig('check users')
    expect(stdout).toContain('✗ fail  coverage')
    expect(await count('kvmig.finding')).toBe(before)
    expect(code).toBe(3)
  })

  test('status says why the plans stay where they are', async () => {
    const { code, stdout } = await kvmig('status')
    expect(stdout).toContain('The gate was closed by coverage')
    expect(stdout).toMatch(
      /posts +phase A since \S+ +5 of 5 steps +gate B closed +quarantine: 2 open, 0 accepted/,
    )
    expect(stdout).toContain(
      'Quarantine\n  1 open    ORPHAN         posts  e.g. post:o\n  1 open    TYPE_MISMATCH  posts  e.g. post:n\n',
    )
    const posts = json((await kvmig('status --json')).stdout).plans.find(
      (it: { plan: string }) => it.plan === 'posts',
    )
    expect(posts.quarantine.reasons).toEqual([
      { code: 'ORPHAN', open: 1, accepted: 0, sample: 'post:o' },
      { code: 'TYPE_MISMATCH', open: 1, accepted: 0, sample: 'post:n' },
    ])
    expect(code).toBe(0)
  })

  test.each([
    [
      'trace post:a',
      ['into posts', '✓ same  posts', 'Trace: migrated by post:{id} (plans/posts.yaml:4): 1 row.'],
    ],
    ['trace post:o', ['✗ missing  posts', 'ORPHAN', 'Trace: quarantined']],
    ['trace post:n', ['TYPE_MISMATCH', 'column title', 'Trace: quarantined']],
    ['trace session:x', ['session:{_}', 'project', 'ephemeral: people sign in again']],
    ['trace mystery:1', ['Trace: uncovered, since no rule takes this key.']],
    ['trace post:nobody', ['Trace: kv has no such key, and no row came from it.']],
    ['trace base64:cG9zdDph', ['Trace: migrated by post:{id}']],
  ])('%s', async (line, texts) => {
    const { code, stdout } = await kvmig(line)
    for (const text of texts) expect(stdout).toContain(text)
    expect(stdout).not.toMatch(/secret|Orphan|41414141|First/)
    expect(code).toBe(0)
  })
})

describe('mending it', () => {
  test('retry makes rows of what the mended plan takes', async () => {
    write('plans/posts.yaml', POSTS.replace('title: title,', 'title: title | text,'))
    const { code, stdout } = await kvmig('retry')
    expect(stdout).toMatch(/✓ done {2}posts {2}> retry {2}post:\{id\} ► posts .* 1 inserted/)
    expect(code).toBe(0)
    expect(await count('posts')).toBe(4)
  })

  test('accept leaves an orphan behind, with the reason', async () => {
    const { code, stdout } = await kvmig('accept posts --code ORPHAN --because gone')
    expect(stdout).toBe(
      'Accepted 1 record of posts. They stay in the source; kvmig check asks the gate again.\n',
    )
    expect(code).toBe(0)
    expect((await kvmig('accept posts --code ORPHAN --because gone')).code).toBe(1)
    const { rows } = await database.query(
      `SELECT outcome, summary FROM kvmig.run WHERE command = 'accept' ORDER BY started_at`,
    )
    expect(rows).toEqual([
      { outcome: 'done', summary: { accepted: 1 } },
      { outcome: 'failed', summary: { error: 'NOTHING_TO_ACCEPT' } },
    ])
  })

  test('a rule for the uncovered key opens the gate', async () => {
    write(
      'migrations.yaml',
      `${BLOG['migrations.yaml']}ignore: [{ match: 'mystery:{_}', because: nobody knows }]\n`,
    )
    // The mended plan is copied anew, and what was accepted of the copy before is to be looked at again.
    expect((await kvmig('apply --phase=A --yes')).code).toBe(3)
    expect((await kvmig('accept posts --code ORPHAN --because gone')).code).toBe(0)
    const { code, stdout } = await kvmig('apply --phase=A --yes')
    expect(stdout).toContain('Gate B is open for users and posts.')
    expect(code).toBe(0)
    expect(await kvmig('diff')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Diff: no difference in 6 rows.'),
    })
  })

  test('status now says that the way ends here, since a file cannot be written to', async () => {
    const { stdout } = await kvmig('status')
    expect(stdout).toContain('It stays in phase A: source kv is only read, so nobody could write both sides.')
    expect(stdout).toContain('Status: no plan can advance yet')
  })
})

describe('diff', () => {
  test('finds rows that are missing, different and extra, and lists their keys', async () => {
    await database.query(
      `DELETE FROM posts WHERE id = 'a'; UPDATE posts SET title = 'secret' WHERE id = 'b'; INSERT INTO posts VALUES ('z', 1, 'secret', now())`,
    )
    const { code, stdout } = await kvmig('diff posts --out differences.jsonl')
    expect(stdout).toContain('Diff: 1 missing, 1 different and 1 extra of 4 rows.')
    expect(stdout).not.toContain('secret')
    expect(code).toBe(3)
    const lines = readFileSync(join(project.path, 'differences.jsonl'), 'utf8').trim().split('\n').map(json)
    expect(lines.map(({ kind, text }) => [kind, text]).sort()).toEqual([
      ['different', 'post:b'],
      ['extra', 'post:z'],
      ['missing', 'post:a'],
    ])
    expect(await kvmig('trace post:b')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/✗ different {2}posts .*in title\n/),
    })
  })

  test('apply --again puts back what the source has', async () => {
    const { code, stdout } = await kvmig('apply --phase=A --again posts')
    expect(stdout).toMatch(/posts +\d .*2 inserted, 1 updated/)
    expect(code).toBe(3)
    // Nobody deleted it from a backup: the application wrote it, and it stays.
    expect((await database.query(`SELECT id FROM posts WHERE id = 'z'`)).rowCount).toBe(1)
    await database.query(`DELETE FROM posts WHERE id = 'z'`)
    expect((await kvmig('diff')).code).toBe(0)
  })
})

describe('a plan that was edited after it was applied', () => {
  const edited = POSTS.replace('title: text not null, at', 'title: varchar(200) not null, at').replace(
    'title: title,',
    'title: title | text,',
  )

  test('plan --live says what is done again, and exits 2 when asked', async () => {
    write('plans/posts.yaml', edited)
    const { code, stdout } = await kvmig('plan posts --live --detailed-exitcode')
    expect(stdout).toMatch(/\+ table +posts +4 columns +changed since it was applied/)
    expect(stdout).toMatch(/~ analyze +posts .* again because of posts\/A\/table\/posts/)
    expect(stdout).not.toContain('Drift')
    expect(stdout).toMatch(/= table +users +3 columns +done/)
    expect(code).toBe(2)
  })

  test('apply asks before it empties a table; without anybody to ask it does not', async () => {
    const nobody = await kvmig('apply --phase=A')
    expect(nobody.stderr).toContain('kvmig: NOT_CONFIRMED  The plans were edited since they were applied.')
    expect(nobody.stderr).toContain('- posts  the table goes, with ')
    expect(nobody.stderr).toContain('Say --yes if this is what you want.')
    expect(nobody.code).toBe(1)

    const no = await kvmig('apply --phase=A --quiet', { answer: 'n' })
    expect(no.stderr).toContain('Nothing was changed.')
    expect(no.code).toBe(1)
    expect(await count('kvmig.run')).toBeGreaterThan(0)

    const yes = await kvmig('apply --phase=A --quiet', { answer: 'y' })
    expect(yes.stdout).toContain('Apply: ')
    expect(
      await count(
        `information_schema.columns WHERE table_name = 'posts' AND data_type = 'character varying'`,
      ),
    ).toBe(1)
  })
})

describe('a saved plan', () => {
  test('is applied once, and only while nothing has changed', async () => {
    await kvmig('rollback --yes')
    mkdirSync(join(project.path, 'saved'))
    const planned = await kvmig('plan --out saved/plan.json')
    expect(planned.stdout).toContain('Saved in saved/plan.json; it can be applied once')
    expect(planned.code).toBe(0)
    const saved = readFileSync(join(project.path, 'saved/plan.json'), 'utf8')
    expect(saved).not.toContain(database.name)

    write('kv.ndjson', GOOD)
    const applied = await kvmig('apply saved/plan.json --phase=A')
    expect(applied.stdout).toContain('Gate B is open for users and posts.')
    expect(applied.code).toBe(0)

    const again = await kvmig('apply saved/plan.json --phase=A')
    expect(again.stderr).toMatch(/kvmig: PLAN_(STALE|USED) {2}/)
    expect(again.code).toBe(6)
  })

  test('made before an edit is stale, and says what has changed', async () => {
    await kvmig('plan --out saved/plan.json')
    write('plans/posts.yaml', `${readFileSync(join(project.path, 'plans/posts.yaml'), 'utf8')}# edited\n`)
    const { code, stderr } = await kvmig('apply saved/plan.json --phase=A')
    expect(stderr).toContain(
      'kvmig: PLAN_STALE  saved/plan.json does not fit any more: plans/posts.yaml has changed.',
    )
    expect(code).toBe(6)
  })

  test('edited by hand is refused', async () => {
    write(
      'saved/plan.json',
      readFileSync(join(project.path, 'saved/plan.json'), 'utf8').replace('"phase": "A"', '"phase": "B"'),
    )
    const { code, stderr } = await kvmig('apply saved/plan.json --phase=A')
    expect(stderr).toContain('KV152  This saved plan was edited.')
    expect(code).toBe(1)
  })
})

describe('the way back', () => {
  test('rollback lists what goes, and asks', async () => {
    const { code, stderr } = await kvmig('rollback')
    expect(stderr.replace(/postgres:\/\/\S+?(?=\?)/, 'TARGET')).toMatchInlineSnapshot(`
      "  - posts  the table goes, with 3 rows and 1 foreign key
        - users  the table goes, with 2 rows and 1 index
      kvmig: NOT_CONFIRMED  Take back phase A of posts and users on TARGET? The source stays as it is. Nobody is there to ask, so nothing was changed.
             Say --yes if this is what you want.
      "
    `)
    expect(code).toBe(1)
    expect(await count('posts')).toBe(3)
  })

  test('rollback of a table that others refer to names them', async () => {
    const { code, stderr } = await kvmig('rollback users --yes')
    expect(stderr).toContain('STILL_REFERENCED  posts of plan posts refers to users')
    expect(code).toBe(1)
  })

  test('uninstall refuses while plans are applied, and says what it would mean', async () => {
    const { code, stderr } = await kvmig('uninstall')
    expect(stderr).toContain(
      'posts and users are applied: the tables stay, but kvmig forgets that it made them',
    )
    expect(code).toBe(1)
  })

  test('rollback drops exactly what was added', async () => {
    await database.query('CREATE TABLE public.mine (id int)')
    const { code, stdout } = await kvmig('rollback --yes')
    expect(stdout).toContain('Rollback: 9 steps done')
    expect(code).toBe(0)
    const { rows } = await database.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
    expect(rows).toEqual([{ tablename: 'mine' }])
  })

  test('uninstall drops the schema kvmig', async () => {
    const { code, stdout } = await kvmig('uninstall --yes')
    expect(stdout).toContain('Dropped schema kvmig on ')
    expect(code).toBe(0)
    expect(await count(`pg_namespace WHERE nspname = 'kvmig'`)).toBe(0)
  })
})

test('nothing was written beside the project but what was asked for', () => {
  expect(existsSync(join(project.path, '.kvmig/.gitignore'))).toBe(true)
  expect(existsSync(join(project.path, '.kvmig/pg'))).toBe(false)
})
