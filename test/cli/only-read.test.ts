import { expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { runCli } from '../setup/run-cli.ts'

test('a store that is only read keeps its plans in phase A, and no word says that it is written', async () => {
  const database = await freshDatabase()
  const folder = projectFolder({
    'migrations.yaml': "version: 1\nsources: { kv: 'ndjson:./kv.ndjson' }\ntarget: ${DATABASE_URL}\n",
    'plans/notes.yaml': `version: 1
plan: notes
mappings:
  - { match: 'note:{id}', type: string, into: notes, fields: { id: $id, text: $value } }
tables: { notes: { columns: { id: text, text: text not null }, primary_key: [id] } }
`,
    'kv.ndjson': '{"key":"note:1","type":"string","value":"x"}\n',
  })
  const run = (...argv: string[]) => runCli(argv, { cwd: folder.path, env: { DATABASE_URL: database.url } })
  expect((await run('apply', '--phase=A', '--yes')).code).toBe(0)
  const all = await run('apply', '--phase=B', '--expect', '1')
  expect([all.code, all.stdout]).toEqual([0, expect.stringContaining('source kv is only read')])
  expect(all.stdout).toMatch(/nothing to do\. Every plan stays in phase A/)
  const named = await run('apply', '--phase=B', '--expect', '1', 'notes')
  expect([named.code, named.stderr]).toEqual([1, expect.stringContaining('DUAL_WRITE')])
  expect((await run('status')).stdout).toContain('It stays in phase A')
  folder.remove()
  await database.drop()
})
