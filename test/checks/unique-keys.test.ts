import { describe, expect, test } from 'vitest'
import { uniqueKeys } from '../../src/checks/unique-keys.ts'
import { freshTarget } from '../target/targets.ts'
import { runSql, SERVERS } from './database.ts'
import { mapping, scopeOf, table } from './scope.ts'

const votes = table('votes', { poll: 'text', handle: 'text' })

describe.each(SERVERS)('unique_keys on %s', async (kind) => {
  const target = await freshTarget(kind)
  const run = async (...sql: string[]) => {
    await runSql(
      target,
      'DROP TABLE IF EXISTS votes; CREATE TABLE votes (poll text, handle text, extra text)',
    )
    for (const it of sql) await runSql(target, it)
    const mappings = [mapping(votes, { key: ['poll', 'handle'] })]
    return uniqueKeys.run(scopeOf({ target, tables: [votes], mappings }), {})
  }

  test.each([
    ['a primary key', 'ALTER TABLE votes ADD PRIMARY KEY (poll, handle)'],
    ['a unique constraint in another order', 'ALTER TABLE votes ADD UNIQUE (handle, poll)'],
    ['a unique index', 'CREATE UNIQUE INDEX ON votes (poll, handle)'],
    [
      'a unique index that carries another column',
      'CREATE UNIQUE INDEX ON votes (poll, handle) INCLUDE (extra)',
    ],
  ])('passes for %s', async (_, sql) => {
    expect(await run(sql)).toMatchObject({
      status: 'pass',
      measured: '1 key: each kept unique.',
      samples: [],
    })
  })

  test.each([
    ['nothing', 'SELECT 1', 'has no unique index'],
    ['an index that is not unique', 'CREATE INDEX ON votes (poll, handle)', 'has no unique index'],
    ['a unique index of fewer columns', 'CREATE UNIQUE INDEX ON votes (poll)', 'has no unique index'],
    [
      'a unique index of more columns',
      'CREATE UNIQUE INDEX ON votes (poll, handle, extra)',
      'has no unique index',
    ],
    [
      'a unique index of expressions',
      'CREATE UNIQUE INDEX ON votes (lower(poll), handle)',
      'has no unique index',
    ],
    [
      'a partial one',
      'CREATE UNIQUE INDEX part ON votes (poll, handle) WHERE extra IS NULL',
      'has only part, which covers a part of the rows',
    ],
    [
      'a deferrable one',
      'ALTER TABLE votes ADD CONSTRAINT late UNIQUE (poll, handle) DEFERRABLE',
      'has only late, which is deferrable',
    ],
  ])('fails for %s', async (_, sql, why) => {
    expect(await run(sql)).toMatchObject({
      status: 'fail',
      measured: '1 key: 1 not kept unique.',
      samples: [`votes: votes(poll, handle) ${why}`],
    })
  })

  test('looks at tables that another plan declares, too', async () => {
    await run('CREATE UNIQUE INDEX ON votes (poll)')
    const mappings = [mapping(votes, { key: ['poll', 'handle'] })]
    const finding = await uniqueKeys.run(scopeOf({ target, others: [votes], mappings }), {})
    expect(finding.samples).toEqual(['votes: votes(poll, handle) has no unique index'])
  })

  test('fails for an index that could not be built', async () => {
    await run(`INSERT INTO votes VALUES ('p', 'ada'), ('p', 'ada')`)
    await target
      .execute('CREATE UNIQUE INDEX CONCURRENTLY broken ON public.votes (poll, handle)')
      .catch(() => {})
    const mappings = [mapping(votes, { key: ['poll', 'handle'] })]
    const finding = await uniqueKeys.run(scopeOf({ target, tables: [votes], mappings }), {})
    expect(finding.samples).toEqual([
      'votes: votes(poll, handle) has only broken, which is invalid: building it failed',
    ])
  })
})
