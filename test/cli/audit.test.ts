import { expect, test } from 'vitest'
import { projectFolder } from '../setup/cli.ts'
import { runCli } from '../setup/run-cli.ts'

const PLAN = (audit: string) => `
version: 1
plan: credits
mappings:
  - { match: 'credits:{user}', type: string, into: credits, fields: { user_id: $user, balance: $value | int } }
tables:
  credits: { columns: { user_id: text, balance: bigint not null }, primary_key: [user_id], audit: ${audit} }
`
const files = (audit: string) => ({
  'migrations.yaml':
    'version: 1\nsources: { kv: "ndjson:./kv.ndjson" }\ntarget: pglite:./pg\nplans: plans/*.yaml\n',
  'plans/credits.yaml': PLAN(audit),
  'kv.ndjson': `${JSON.stringify({ key: 'credits:ann', type: 'string', value: '5' })}\n`,
})

test('a history is planned, made after the copy, and taken back with its table', async () => {
  const folder = projectFolder(files('true'))
  const at = { cwd: folder.path }
  const plan = await runCli(['plan', '--no-prove', '--json'], at)
  expect(plan.code).toBe(0)
  const planned = JSON.stringify(JSON.parse(plan.stdout))
  expect(planned).toContain('credits_history')
  const applied = await runCli(['apply', '--phase=A'], at)
  expect([applied.code, applied.stdout]).toEqual([0, expect.stringMatching(/audit +credits_history/)])
  expect((await runCli(['apply', '--phase=A'], at)).stdout).not.toMatch(/done.*audit/)
  const back = await runCli(['rollback', '--yes'], at)
  expect([back.code, back.stdout]).toEqual([0, expect.stringMatching(/audit +credits_history/)])
  // Nothing of it is in the way of the next time.
  expect((await runCli(['apply', '--phase=A'], at)).code).toBe(0)
  folder.remove()
}, 60_000)

test.each([
  ['credits', 'have the same name'],
  ['[1]', 'true, or the name of a table'],
])('audit: %s is a mistake', async (audit, words) => {
  const folder = projectFolder(files(audit))
  const { code, stdout, stderr } = await runCli(['plan', '--no-prove'], { cwd: folder.path })
  folder.remove()
  expect(code).toBe(1)
  expect(stdout + stderr).toContain(words)
})
