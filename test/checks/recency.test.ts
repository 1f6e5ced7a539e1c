import { describe, expect, test } from 'vitest'
import { recency } from '../../src/checks/recency.ts'
import { freshTarget } from '../target/targets.ts'
import { runSql, SERVERS } from './database.ts'
import { scopeOf, table } from './scope.ts'

describe.each(SERVERS)('recency on %s', async (kind) => {
  const target = await freshTarget(kind)
  const rows = async (type: string, ...times: string[]) => {
    await runSql(target, `DROP TABLE IF EXISTS messages; CREATE TABLE messages (id serial, at ${type})`)
    for (const time of times) await runSql(target, `INSERT INTO messages (at) VALUES (${time})`)
    return table('messages', { id: 'integer', at: type })
  }

  test.each([
    ['timestamptz', `now() - interval '23 hours'`],
    ['timestamp', `(now() AT TIME ZONE 'UTC') - interval '23 hours'`],
    ['date', `(now() AT TIME ZONE 'UTC')::date`],
  ])('passes for %s when there are rows of the period', async (type, time) => {
    const tables = [await rows(type, time, `'2001-01-01'`, `'infinity'`)]
    expect(await recency.run(scopeOf({ target, tables }), { column: 'at', within: '24h' })).toMatchObject({
      status: 'pass',
      measured: 'messages has 1 row of the last 24h.',
    })
  })

  test.each([
    ['timestamptz', `now() - interval '25 hours'`, 'the newest row of messages is 25 hours old.'],
    [
      'timestamp',
      `(now() AT TIME ZONE 'UTC') - interval '25 hours'`,
      'the newest row of messages is 25 hours old.',
    ],
    ['date', `(now() AT TIME ZONE 'UTC')::date - 3`, 'the newest row of messages is 3 days old.'],
  ])('fails for %s when the newest row is older', async (type, time, measured) => {
    const tables = [await rows(type, time)]
    expect(await recency.run(scopeOf({ target, tables }), { column: 'at' })).toMatchObject({
      status: 'fail',
      measured,
      samples: ['messages.at'],
    })
  })

  test('does not take rows of the future for recent ones', async () => {
    const tables = [await rows('timestamptz', `now() + interval '1 year'`, `now() - interval '3 days'`)]
    expect((await recency.run(scopeOf({ target, tables }), { column: 'at' })).status).toBe('fail')
  })

  test.each([[[]], [['NULL']], [[`'-infinity'`]]])('says unknown when the times are %j', async (times) => {
    const tables = [await rows('timestamptz', ...times)]
    expect(await recency.run(scopeOf({ target, tables }), { column: 'at' })).toMatchObject({
      status: 'unknown',
      measured: 'messages holds no time up to now.',
    })
  })

  test('looks at every table that has the column, or at the one that is named', async () => {
    const messages = await rows('timestamptz', 'now()')
    await runSql(target, 'DROP TABLE IF EXISTS drafts; CREATE TABLE drafts (id int, at timestamptz)')
    const tables = [
      messages,
      table('drafts', { id: 'integer', at: 'timestamptz' }),
      table('tags', { tag: 'text' }),
    ]
    const scope = scopeOf({ target, tables })
    expect((await recency.run(scope, { column: 'at' })).status).toBe('unknown')
    expect((await recency.run(scope, { column: 'at', table: 'messages' })).status).toBe('pass')
  })

  test.each([
    [{ column: 'sent' }, 'Plan messages fills no table with a column sent.'],
    [{ column: 'at', table: 'drafts' }, 'Plan messages fills no table drafts with a column at.'],
    [{ column: 'id' }, 'messages.id is integer, which is not a time.'],
  ])('cannot measure %o', async (options, message) => {
    const tables = [await rows('timestamptz')]
    await expect(recency.run(scopeOf({ target, tables }), options)).rejects.toThrow(message)
  })
})
