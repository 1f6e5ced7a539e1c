import { afterAll, beforeAll, expect, test } from 'vitest'
import { ACL_COMMANDS } from '../../src/sources/redis/explain.ts'
import { projectFolder, ran } from '../setup/cli.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { read } from './shipped-files.ts'

const page = read('docs/sources.md')
const [forRoles, forOwnTables] = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql!)

const project = projectFolder({
  'migrations.yaml': `version: 1
sources: { kv: 'ndjson:./kv.ndjson' }
target: \${DATABASE_URL}
schema: schema.sql
`,
  'schema.sql': 'CREATE TABLE accounts (id text PRIMARY KEY, name text NOT NULL);\n',
  'plans/shop.yaml': `version: 1
plan: shop
mappings:
  - { match: 'account:{id}', type: string, into: accounts, fields: { id: $id, name: $value } }
  - { match: 'order:{id}', type: string, into: orders, key: [id], fields: { id: $id, account: $value } }
tables:
  orders:
    columns: { id: text, account: text not null, seen: bigint generated always as identity }
    primary_key: [id]
    indexes: { idx_orders: [account] }
gates:
  B: [row_count]
`,
  'kv.ndjson': `${JSON.stringify({ key: 'account:1', type: 'string', value: 'Ann' })}
${JSON.stringify({ key: 'order:7', type: 'string', value: '1' })}
`,
})
const ROLES = ['kvmig_apply', 'kvmig_read']
let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
  await database.query('CREATE TABLE accounts (id text PRIMARY KEY, name text NOT NULL)')
  await database.query(forRoles!)
})
afterAll(async () => {
  await database.drop()
  const other = await freshDatabase()
  await other.query(`DROP ROLE ${ROLES}`)
  await other.drop()
  project.remove()
})

const as = (role: string, ...args: readonly string[]) => {
  const url = Object.assign(new URL(database.url), { username: role }).href
  return ran(project.path, args, { DATABASE_URL: url })
}

test('a table of the application wants grants, and says which', async () => {
  const { code, stderr, stdout } = await as('kvmig_apply', 'apply', '--phase=A', '--yes')
  expect(code).not.toBe(0)
  expect(stdout + stderr).toContain('accounts')
  expect(stdout + stderr).toMatch(/GRANT [A-Z, ]+ ON (TABLE )?"?(public"?\."?)?accounts"? TO "?kvmig_apply/)
})

test('with the grants of docs/sources.md one role copies', async () => {
  await database.query(forOwnTables!)
  const { code, stdout, stderr } = await as('kvmig_apply', 'apply', '--phase=A', '--yes')
  expect(stdout + stderr).toContain('gate B open')
  expect(code).toBe(0)
  const { rows } = await database.query('SELECT count(*)::int AS n FROM accounts, orders')
  expect(rows).toEqual([{ n: 1 }])
})

test.each(['plan --live', 'check', 'diff', 'status', 'trace order:7'])(
  'and the other one looks: kvmig %s',
  async (command) => {
    const { code, stdout, stderr } = await as('kvmig_read', ...command.split(' '))
    expect([code, /PERMISSION|READ_ONLY/.exec(stdout + stderr)]).toEqual([0, null])
  },
)

test('but changes nothing', async () => {
  const { code, stderr } = await as('kvmig_read', 'apply', '--phase=A', '--yes')
  expect(code).toBe(1)
  expect(stderr).toMatch(/PERMISSION|READ_ONLY/)
})

test('the commands of a Redis user are those that the reader names', () => {
  expect(page).toContain(ACL_COMMANDS)
})
