import { beforeAll, describe, expect, test } from 'vitest'
import { indexUse } from '../../src/checks/index-use.ts'
import { openTarget } from '../../src/target/connect.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { freshTarget } from '../target/targets.ts'
import { freshRole, runSql, SERVERS } from './database.ts'
import { query, scopeOf } from './scope.ts'

const PAIR = `SELECT * FROM messages
  WHERE LEAST(from_user, to_user) = LEAST($1, $2) AND GREATEST(from_user, to_user) = GREATEST($1, $2)
  ORDER BY created_at DESC LIMIT 50`
const OR = `SELECT * FROM messages WHERE (from_user = $1 AND to_user = $2) OR (from_user = $2 AND to_user = $1)
  ORDER BY created_at DESC LIMIT 50`

const TABLE = `CREATE TABLE messages (id text PRIMARY KEY, from_user text NOT NULL, to_user text NOT NULL, text text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}', read_at timestamptz, created_at timestamptz NOT NULL);
  CREATE INDEX idx_thread ON messages (LEAST(from_user, to_user), GREATEST(from_user, to_user), created_at DESC);
  CREATE INDEX idx_unread ON messages (to_user, created_at DESC) WHERE read_at IS NULL;
  CREATE INDEX idx_newest ON messages (created_at DESC);
  CREATE INDEX idx_sender ON messages (from_user, read_at);
  CREATE INDEX idx_tags ON messages USING gin (tags);
  CREATE INDEX idx_text ON messages (text text_pattern_ops);
  CREATE INDEX idx_receiver ON messages (to_user);`
const rows = (count: number) => `INSERT INTO messages (id, from_user, to_user, text, read_at, created_at)
  SELECT i, 'user' || i % 100, 'user' || i % 77, repeat('x', 100) || i, CASE WHEN i % 2 = 0 THEN now() END, now() - i * interval '1 minute'
  FROM generate_series(1, ${count}) i; ANALYZE messages`

/** 20 MB: more than what is read whole anyway. */
const MANY = 100_000

describe.each(SERVERS)('index_use on %s', async (kind) => {
  const target = await freshTarget(kind)
  const createMessages = (count: number, change = '') =>
    runSql(target, `DROP TABLE IF EXISTS messages; ${TABLE} ${rows(count)}; ${change}`)

  describe.each([
    ['nearly empty', 3],
    ['small', 100],
    ['large', MANY],
  ])('with a table that is %s', (_, count) => {
    beforeAll(() => createMessages(count))
    const run = (sql: string, args: readonly string[] = [], uses?: string) =>
      indexUse.run(
        scopeOf({ target, queries: [query(sql, { name: 'thread', args, ...(uses && { uses }) })] }),
        {},
      )

    test.each([
      ['the pair, by LEAST and GREATEST', PAIR, ['user1', 'user2'], 'idx_thread'],
      [
        'a partial index',
        `SELECT * FROM messages WHERE to_user = $1 AND read_at IS NULL ORDER BY created_at DESC LIMIT 50`,
        ['user1'],
        'idx_unread',
      ],
      [
        'the newest, by an index that gives their order',
        'SELECT * FROM messages ORDER BY created_at DESC LIMIT 20',
        [],
        'idx_newest',
      ],
      ['words in an array', `SELECT * FROM messages WHERE tags @> ARRAY[$1]`, ['rust'], 'idx_tags'],
      ['how a text begins', `SELECT * FROM messages WHERE text LIKE 'abc%'`, [], 'idx_text'],
      ['the primary key', 'SELECT * FROM messages WHERE id = $1', ['1'], 'messages_pkey'],
      ['any index', 'SELECT * FROM messages WHERE to_user = $1', ['nobody'], undefined],
      [
        'an index for each table of a join',
        'SELECT * FROM messages a JOIN messages b ON b.id = a.from_user WHERE a.id = $1',
        ['1'],
        undefined,
      ],
    ])('passes for %s', async (_, sql, args, uses) => {
      const finding = await run(sql, args, uses)
      expect(finding.samples).toEqual([])
      expect(finding.status).toBe('pass')
      if (count === MANY) expect(finding.measured).not.toContain('enable_seqscan')
    })

    test('fails for the same pair asked with OR, and says what Postgres does instead', async () => {
      const finding = await run(OR, ['user1', 'user2'], 'idx_thread')
      expect(finding.status).toBe('fail')
      expect(finding.samples).toHaveLength(1)
      expect(finding.samples[0]).toMatch(
        /^thread: it does not use idx_thread, but (puts together|uses|reads)/,
      )
      expect(finding.hint).toContain('LEAST(a, b) = LEAST($1, $2)')
    })

    test.each([
      [
        'a condition that no index has',
        'SELECT * FROM messages WHERE length(text) = 5',
        undefined,
        'it reads messages row by row (Seq Scan)',
      ],
      [
        'the whole index',
        'SELECT created_at FROM messages ORDER BY created_at',
        'idx_newest',
        /reads the whole of idx_newest|reads messages row by row/,
      ],
    ])('fails for %s', async (_, sql, uses, why) => {
      const finding = await run(sql, [], uses)
      expect(finding.status).toBe('fail')
      expect(finding.samples[0]).toMatch(why)
    })

    test('fails for an index that is not there', async () => {
      expect((await run(PAIR, ['a', 'b'], 'idx_tread')).samples).toEqual([
        'thread: there is no index idx_tread',
      ])
    })

    test('shows no argument', async () => {
      const findings = [
        await run(OR, ['s3cret', 's3cret2'], 'idx_thread'),
        await run(PAIR, ['s3cret', 's3cret2'], 'idx_thread'),
      ]
      expect(JSON.stringify(findings)).not.toContain('s3cret')
    })
  })

  describe('with few rows', () => {
    const run = (sql: string, uses: string, args: readonly string[] = []) =>
      indexUse.run(scopeOf({ target, queries: [query(sql, { uses, args })] }), {})

    test.each([
      [
        'walks along an index and throws rows away',
        `DROP INDEX idx_unread, idx_receiver`,
        'SELECT * FROM messages WHERE to_user = $1 ORDER BY created_at DESC LIMIT 20',
        'idx_newest',
        'q: it walks through idx_newest and looks at each row, because the index does not answer the condition',
      ],
      [
        'says nothing about the first column of the index',
        `DROP INDEX idx_unread, idx_receiver, idx_newest, idx_sender; CREATE INDEX idx_both ON messages (read_at, created_at)`,
        `SELECT * FROM messages WHERE created_at = $1`,
        'idx_both',
        /row by row|reads the whole of idx_both, because the query says nothing about its first column \(read_at\)/,
      ],
      [
        'asks one column of the index row by row',
        `DROP INDEX idx_thread, idx_sender; CREATE INDEX idx_word ON messages (from_user, text)`,
        `SELECT * FROM messages WHERE from_user = $1 AND text LIKE '%y%' ORDER BY from_user, text`,
        'idx_word',
        'q: idx_word answers only a part of the condition; text is looked at row by row (Filter)',
      ],
      [
        'needs a second index for the rest',
        'DROP INDEX idx_unread, idx_sender; CREATE INDEX idx_from ON messages (from_user)',
        'SELECT * FROM messages WHERE from_user = $1 OR to_user = $1',
        'idx_from',
        'q: idx_from answers only a part of it; the rest comes from idx_receiver (BitmapOr)',
      ],
    ])('fails where a query %s', async (_, change, sql, uses, why) => {
      await createMessages(100, change)
      const args = sql.includes('created_at = $1') ? ['2026-01-01'] : sql.includes('$1') ? ['user1'] : []
      const finding = await run(sql, uses, args)
      expect(finding.status).toBe('fail')
      if (typeof why === 'string') expect(finding.samples).toEqual([why])
      else expect(finding.samples[0]).toMatch(why)
    })

    test('passes for both directions of a pair when the index it names has both', async () => {
      await createMessages(
        100,
        'DROP INDEX idx_sender, idx_receiver, idx_unread; CREATE INDEX idx_both ON messages (from_user, to_user)',
      )
      expect((await run(OR, 'idx_both', ['user1', 'user2'])).status).toBe('pass')
    })

    test('knows the index of a partitioned table by the indexes of its partitions', async () => {
      await runSql(
        target,
        `CREATE TABLE parts (id int, "At" text) PARTITION BY LIST (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
        CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2); CREATE INDEX "Idx At" ON parts ("At")`,
      )
      expect((await run('SELECT * FROM parts WHERE "At" = $1', 'Idx At', ['x'])).status).toBe('pass')
    })

    test('fails for an index that could not be built', async () => {
      await createMessages(100)
      await target
        .execute('CREATE UNIQUE INDEX CONCURRENTLY broken ON public.messages (to_user)')
        .catch(() => {})
      expect((await run('SELECT * FROM messages WHERE to_user = $1', 'broken', ['x'])).samples).toEqual([
        'q: broken is invalid: building it failed; drop it and apply again',
      ])
    })
  })

  test('says unknown for a table without rows, where no plan means anything', async () => {
    await runSql(target, `DROP TABLE IF EXISTS messages; ${TABLE}`)
    const finding = await indexUse.run(
      scopeOf({ target, queries: [query(OR, { args: ['user1', 'user2'], uses: 'idx_thread' })] }),
      {},
    )
    expect(finding).toMatchObject({
      status: 'unknown',
      measured: expect.stringContaining('q: the tables are empty'),
    })
  })

  describe('without touching anything', () => {
    beforeAll(() => createMessages(10))
    const run = (sql: string, args: readonly string[] = []) =>
      indexUse.run(scopeOf({ target, queries: [query(sql, { name: 'sweep', args })] }), {})

    test('explains a statement that would write, and does not run it', async () => {
      expect((await run('DELETE FROM messages WHERE id = $1', ['1'])).status).toBe('pass')
      const [count] = await runSql(target, 'SELECT count(*) FROM messages')
      expect(count).toEqual({ count: '10' })
    })

    test.each([
      ['is no SQL', 'SELEC 1', [], 'Query sweep could not be explained'],
      [
        'hides a second statement',
        'SELECT 1; DELETE FROM messages',
        [],
        'Query sweep could not be explained',
      ],
      ['asks for a table that is not there', 'SELECT * FROM nowhere', [], 'nowhere'],
      [
        'takes more arguments than it gets',
        'SELECT * FROM messages WHERE id = $1 AND text = $2',
        ['x'],
        'another number of arguments than the 1 of args',
      ],
    ])('cannot measure a query that %s', async (_, sql, args, message) => {
      await expect(run(sql, args)).rejects.toMatchObject({
        code: 'QUERY_UNEXPLAINED',
        message: expect.stringContaining(message),
      })
    })

    test('says unknown for a plan without queries', async () => {
      expect((await indexUse.run(scopeOf({ target }), {})).status).toBe('unknown')
    })
  })
})

test('looks for tables in the schema of the project', async () => {
  const database = await freshDatabase()
  const target = await openTarget(database.url)
  await target.transaction((tx) => tx.query('CREATE SCHEMA "App"; CREATE TABLE "App".t (id int PRIMARY KEY)'))
  const queries = [query('SELECT * FROM t WHERE id = $1', { args: [1], uses: 't_pkey' })]
  expect((await indexUse.run(scopeOf({ target, queries, targetSchema: 'App' }), {})).status).toBe('pass')
  await target.close()
  await database.drop()
})

test.each([
  ['the right to read', 'CREATE TABLE messages (id int PRIMARY KEY)'],
  [
    'seeing every row',
    'CREATE TABLE messages (id int PRIMARY KEY); GRANT SELECT ON messages TO the_role; ALTER TABLE messages ENABLE ROW LEVEL SECURITY',
  ],
])('cannot measure without %s', async (_, sql) => {
  const { target } = await freshRole(sql)
  const queries = [query('SELECT * FROM messages WHERE id = $1', { args: [1] })]
  await expect(indexUse.run(scopeOf({ target, queries }), {})).rejects.toMatchObject({
    code: 'QUERY_UNEXPLAINED',
    message: expect.stringContaining('may not do this'),
  })
})
