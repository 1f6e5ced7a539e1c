import { describe, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { type ProofStatement, proveDdl } from '../../src/target/prove.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { freshTarget, TARGETS } from './targets.ts'

const at = (line: number) => ({ file: 'plan.yaml', line, column: 3 })

const statements = (schema: (name: string) => string): ProofStatement[] => {
  const app = schema('app')
  return [
    {
      sql: `CREATE TABLE "${app}"."handles" (handle text PRIMARY KEY, mood mood)`,
      at: at(1),
      what: 'table handles',
    },
    { sql: `CREATE TABLE "${app}"."messages" (id txt)`, at: at(5), what: 'table messages' },
    {
      sql: `CREATE INDEX ON "${app}"."messages" (id)`,
      at: at(6),
      what: 'index of messages',
      needs: ['table messages'],
    },
    {
      sql: `CREATE INDEX ON "${app}"."handles" (lower(handel))`,
      at: at(7),
      what: 'index of handles',
      needs: ['table handles'],
    },
    { sql: 'CREATE EXTENSION timescaledb', at: undefined, what: 'extension timescaledb' },
    {
      sql: `ALTER TABLE "${app}"."handles" ADD CHECK (1 = 1); DROP SCHEMA "${app}" CASCADE`,
      at: at(8),
      what: 'check',
    },
  ]
}
const withType = (schema: (name: string) => string): ProofStatement[] => [
  { sql: `CREATE TYPE "${schema('app')}".mood AS ENUM ('sad')`, at: undefined, what: 'type mood' },
  ...statements(schema),
]

const expected = [
  {
    what: 'table messages',
    at: at(5),
    sqlState: '42704',
    message: 'type "txt" does not exist',
    unknown: false,
  },
  {
    what: 'index of handles',
    at: at(7),
    sqlState: '42703',
    message: 'column "handel" does not exist',
    unknown: false,
  },
  { what: 'extension timescaledb', unknown: true },
  { what: 'check', at: at(8), sqlState: '42601', unknown: false },
]

describe.each(TARGETS)('DDL on %s', async (kind) => {
  const target = await freshTarget(kind)
  const count = `SELECT count(*) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'`

  test('is proven by executing it, fails with position and reason, and leaves nothing behind', async () => {
    const proof = await proveDdl(target, withType, [{ schema: 'app', table: 'handles' }])
    expect(proof.failures).toMatchObject(expected)
    expect(proof.skipped).toEqual(['index of messages'])
    expect(proof.tables.get('app.handles')).toMatchObject({
      name: { schema: 'app', table: 'handles' },
      primaryKey: ['handle'],
      columns: [{ name: 'handle' }, { name: 'mood', type: { base: 'enum', labels: ['sad'] } }],
    })
    expect(await target.transaction((tx) => tx.query(count))).toEqual([{ count: '0' }])
  })
})

test('DDL is proven without a target, in an embedded Postgres', async () => {
  const proof = await proveDdl(undefined, withType)
  expect(proof.failures).toMatchObject(expected)
})

test('a role that may make no schema is told so', async () => {
  const database = await freshDatabase()
  await database.query(`DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN`)
  const url = Object.assign(new URL(database.url), { username: 'reader' })
  const target = await openTarget(url.href)
  await expect(proveDdl(target, withType)).rejects.toMatchObject({
    code: 'PERMISSION',
    hint: expect.stringContaining(`GRANT CREATE, TEMPORARY ON DATABASE ${database.name} TO reader;`),
  })
  await target.close()
  await database.drop()
  await target.close()
})
