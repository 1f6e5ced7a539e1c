import { describe, expect, test } from 'vitest'
import { askChecks } from '../../src/checks/ask.ts'
import { CHECKS } from '../../src/checks/index.ts'
import { freshRole } from './database.ts'
import { scopeOf, surveyOf, table, tableSurvey } from './scope.ts'

const messages = table('messages', { id: 'integer', created_at: 'timestamptz' })
const survey = surveyOf({ tables: [tableSurvey()] })
const LOOK_AT_TABLES = ['row_count', 'full', 'sample', 'recency', 'orphans', 'unique_keys', 'sequences']
const at = { file: 'p.yaml', line: 1, column: 1 }

const CREATE = 'CREATE TABLE messages (id int PRIMARY KEY, created_at timestamptz);'

const CASES = [
  {
    what: 'may not read',
    sql: CREATE,
    measured: (role: string) => `${role} may not read table messages.`,
    hint: (role: string) => `GRANT SELECT ON "public"."messages" TO "${role}";`,
  },
  {
    what: 'sees only through a policy',
    sql: `${CREATE} GRANT SELECT ON messages TO the_role; ALTER TABLE messages ENABLE ROW LEVEL SECURITY;`,
    measured: (role: string) => `Row-level security hides rows of messages from ${role}`,
    hint: (role: string) => `ALTER ROLE "${role}" BYPASSRLS;`,
  },
  {
    what: 'cannot reach, because of its schema',
    sql: `${CREATE} GRANT SELECT ON messages TO the_role; REVOKE ALL ON SCHEMA public FROM PUBLIC;`,
    measured: (role: string) => `${role} may not look into schema public, where messages lies.`,
    hint: (role: string) => `GRANT USAGE ON SCHEMA "public" TO "${role}";`,
  },
  {
    what: 'does not find',
    sql: 'SELECT 1',
    measured: () => 'There is no table messages in the target.',
    hint: () => 'kvmig apply --phase=A',
  },
]

describe.each(CASES)('a table that the role $what', async ({ sql, measured, hint }) => {
  const { target, role } = await freshRole(sql)

  test.each(LOOK_AT_TABLES)('makes %s say error, with what to grant', async (name) => {
    const options = name === 'recency' ? { column: 'created_at' } : {}
    const check = CHECKS.get(name)!
    const scope = scopeOf({ target, tables: [messages], survey })
    const [finding] = await askChecks([{ check: name, options, at }], new Map([[name, check]]), scope)
    expect(finding).toMatchObject({ check: name, status: 'error' })
    expect(finding?.measured).toContain(measured(role))
    expect(finding?.hint).toContain(hint(role))
  })
})

test('the owner of a table with row-level security sees every row', async () => {
  const { target } = await freshRole(
    `GRANT CREATE ON SCHEMA public TO the_role; SET ROLE the_role; ${CREATE} ALTER TABLE messages ENABLE ROW LEVEL SECURITY;`,
  )
  const scope = scopeOf({ target, tables: [messages], survey })
  expect((await CHECKS.get('full')!.run(scope, {})).status).toBe('pass')
})
