import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { startPgBouncer } from '../setup/pgbouncer.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { runCli } from '../setup/run-cli.ts'

const PROJECT = `version: 1
sources: { kv: 'ndjson:./kv.ndjson' }
target: \${DATABASE_URL}
`
const PLAN = `version: 1
plan: notes
mappings:
  - { match: 'note:{id}', into: notes, fields: { id: $id, text: $value } }
tables:
  notes: { columns: { id: text, text: text }, primary_key: [id] }
`

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

async function live(tariff: string, url = database.url) {
  const folder = projectFolder({
    'migrations.yaml': PROJECT + tariff,
    'plans/notes.yaml': PLAN,
    'kv.ndjson': `{"key":"note:1","type":"string","value":"hello"}\n`,
  })
  const run = (...argv: string[]) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: url } })
  return { run, plan: await run('plan', '--live', '--no-prove'), remove: folder.remove }
}

describe('plan --live says of the target', () => {
  test('which kind of connection it is, and what follows', async () => {
    const pooler = await startPgBouncer(database.url)
    const { plan, remove } = await live('', pooler.url)
    remove()
    await pooler.stop()
    expect(plan.stdout).toContain(
      'Target\n  Postgres behind a transaction pooler. Copying works, since kvmig keeps no session state; LISTEN does not reach through',
    )
  })

  test.each([
    [
      'tariff: neon-free',
      /storage [\d.]+ MB now, about [\d.]+ MB after the copy, of 500 MB \(Neon Free\)\n {2}when it will be full can be told a day after the copy/,
    ],
    ['tariff: neon-launch', /after the copy \(Neon Launch\)\n {2}about \$0\.00 a month for storage/],
    ['tariff: { storage: 2GB }', /after the copy, of 2\.0 GB \(tariff:\)/],
  ])('with %s what the storage comes to', async (tariff, words) => {
    const { plan, remove } = await live(tariff)
    remove()
    expect(plan.stdout).toMatch(words)
    expect(plan.code).toBe(0)
  })

  test('that there is no room, as a warning with a page', async () => {
    const { plan, run, remove } = await live('tariff: { storage: 2MB }')
    expect(plan.stdout).toMatch(
      /KV203 {2}warning: After the copy the database takes about [\d.]+ MB; its tariff has 2\.0 MB\./,
    )
    expect(plan.stdout).toContain(', of 2.0 MB (tariff:) – more than there is')
    expect((await run('explain', 'KV203')).stdout).toContain('tariff: { storage: 8GB }')
    remove()
  })

  test.each([
    ['tariff: neon-fre', 'KV013  "tariff" cannot be "neon-fre". Did you mean "neon-free"?'],
    ['tariff: { storage: much }', 'KV015  "storage" has to be a size, such as 500MB or 8GB, not "much".'],
    ['tariff: { gb_month: -1 }', 'KV013  "gb_month" has to be a price in dollars.'],
    ['tariff: { strage: 2GB }', 'KV010  There is no key "strage" here. Did you mean "storage"?'],
  ])('nothing with %s', async (tariff, words) => {
    const { plan, remove } = await live(tariff)
    remove()
    expect(plan.stdout).toContain(words)
    expect(plan.code).toBe(1)
  })

  test('when it will be full, once a day has passed since the copy', async () => {
    const { run, remove } = await live('tariff: { storage: 10GB }')
    expect((await run('apply', '--phase=A', '--yes')).code).toBe(0)
    await database.query(
      `update kvmig.run set finished_at = now() - interval '10 days', summary = jsonb_set(summary::jsonb, '{storage}', to_jsonb((pg_database_size(current_database()) - 50000000)))`,
    )
    const { stdout } = await run('plan', '--live', '--no-prove')
    remove()
    expect(stdout).toMatch(
      /storage [\d.]+ MB now, of 10 GB \(tariff:\)\n {2}grows by 5\.\d MB a day: full on about 20\d\d-\d\d-\d\d\n/,
    )
  })
})
