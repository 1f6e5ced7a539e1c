import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Migrated, migrate } from '../cases/migrate.ts'
import { pglite, postgres, type Store } from '../cases/stores.ts'

const root = join(import.meta.dirname, '../..')

// Counted from the seeds by a script that knows nothing of kvmig.
const PROJECTS = [
  {
    name: 'the working example',
    project: root,
    rows: {
      handles: 204,
      reserved_handles: 11,
      users: 196,
      messages: 2150,
      board_entries: 220,
      board_reactions: 271,
      board_comments: 168,
      streaks: 151,
      invites: 130,
      achievements: 204,
      game_results: 159,
      memories: 435,
      friendships: 300,
      consents: 78,
    },
    fates: { migrated: 1782, partial: 3, quarantined: 3, index: 154, ephemeral: 137, ignored: 3 },
    quarantine: [
      'board:entry:entry_left ORPHAN',
      'friends:ada ORPHAN',
      'streak:bram NOT_AN_INTEGER',
      'user:undefined ORPHAN',
      'vibe:handles INVALID_JSON',
      'vibe:messages FIELD_MISSING',
      'vibe:messages ORPHAN',
    ],
  },
  {
    name: '5ducks',
    project: join(root, 'examples/5ducks'),
    rows: {
      users: 36,
      user_credits: 36,
      credit_changes: 186,
      subscriptions: 9,
      oauth_tokens: 12,
      notifications: 31,
    },
    fates: { migrated: 111, quarantined: 3, index: 36, ephemeral: 1 },
    quarantine: [
      'user_credits:999 ORPHAN',
      'user_credits:undefined CAPTURE_TYPE',
      'user_tokens:8 NULL_NOT_ALLOWED',
    ],
  },
  {
    name: 'stackmemory',
    project: join(root, 'examples/stackmemory'),
    rows: { traces: 40, tool_calls: 80 },
    fates: { migrated: 40, quarantined: 1, index: 2 },
    quarantine: ['trace:gz:broken CODEC_MISMATCH'],
  },
] as const

const TARGETS = [
  { to: 'Postgres', open: postgres },
  { to: 'PGlite', open: pglite },
] as const

describe.each(PROJECTS)('$name', ({ project, rows, fates, quarantine }) => {
  describe.each(TARGETS)('into $to', ({ open }) => {
    let store: Store
    let migrated: Migrated

    beforeAll(async () => {
      store = await open()
      migrated = await migrate({ project, database: store.url })
    })
    afterAll(() => store.drop())

    test('opens its gate', () => {
      expect(migrated.trouble).toEqual([])
    })

    test('gives as many rows as its seed has records', async () => {
      const counts = Object.keys(rows).map(
        (table) => `SELECT '${table}' AS name, count(*)::int AS rows FROM "${table}"`,
      )
      const found = await store.query(counts.join(' UNION ALL '))
      expect(Object.fromEntries(found.map(({ name, rows }) => [name, rows]))).toEqual(rows)
    })

    test('accounts for every key', () => {
      const found: Record<string, number> = {}
      for (const fate of migrated.fates.values()) found[fate] = (found[fate] ?? 0) + 1
      expect(found).toEqual(fates)
    })

    test('quarantines what its plans accept, and nothing else', () => {
      const found = new Set(migrated.quarantine.map(({ key, code }) => `${key} ${code}`))
      expect([...found].sort()).toEqual(quarantine)
    })
  })
})

test.each([
  {
    says: 'of a message kept in both layouts, the more precise copy stays',
    project: PROJECTS[0].project,
    sql: `SELECT count(*)::int AS answer FROM messages WHERE created_at <> date_trunc('second', created_at)`,
    answer: 1488,
  },
  {
    says: 'integers beyond 2^53 are exact',
    project: PROJECTS[0].project,
    sql: 'SELECT max(github_id)::text AS answer FROM handles',
    answer: '9007199254740993',
  },
  {
    says: 'the trail of a balance adds up to it',
    project: PROJECTS[1].project,
    sql: `SELECT count(*)::int AS answer
          FROM user_credits JOIN (SELECT user_id, sum(change) AS change FROM credit_changes GROUP BY 1) trail USING (user_id)
          WHERE balance = change`,
    answer: 35,
  },
])('$says', async ({ project, sql, answer }) => {
  const store = await postgres()
  await migrate({ project, database: store.url })
  expect(await store.query(sql)).toEqual([{ answer }])
  await store.drop()
})
