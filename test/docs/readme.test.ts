import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PLAN_CATALOG } from '../../src/catalog.ts'
import { formatDiagnostic } from '../../src/diagnostic.ts'
import { loadProject } from '../../src/plan/load.ts'
import { memoryFiles } from '../plan/project.ts'
import { kvmig } from '../setup/cli.ts'
import { read } from './shipped-files.ts'

const readme = read('README.md')
const plan = /```yaml\n(# plans\/messages\.yaml\n.*?)```/s.exec(readme)![1]!
/** The plan that the README's one refers to. */
const handles = `version: 1
plan: handles
mappings:
  - { match: 'vibe:handles', type: set, each: member, into: handles, fields: { handle: $member } }
tables:
  handles: { columns: { handle: text }, primary_key: [handle] }
`

const diagnosticsOf = async (text: string): Promise<readonly string[]> => {
  const { diagnostics } = await loadProject({
    file: 'migrations.yaml',
    root: '/project',
    files: memoryFiles({
      'migrations.yaml': 'version: 1\nsources: { kv: "rdb:./kv.rdb" }\ntarget: "pglite:./pg"\n',
      'plans/messages.yaml': text,
      'plans/handles.yaml': handles,
    }),
    catalog: PLAN_CATALOG,
  })
  return diagnostics.map(formatDiagnostic)
}

test('the plan is one', async () => {
  expect(await diagnosticsOf(plan)).toEqual([])
})

test('the mistake is told like that', async () => {
  const [shown] = /^plans\/messages\.yaml:\d.*$/m.exec(readme)!
  expect(await diagnosticsOf(plan.replace('| lower', '| lowr'))).toEqual([shown])
})

test('the scripts are there', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const named = [...readme.matchAll(/npm (?:run )?(demo|test|bench|generate)\b/g)].map(([, name]) => name!)
  expect(named.length).toBeGreaterThan(1)
  for (const name of named) expect(scripts).toHaveProperty(name)
})

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvmig readme-'))
  const root = join(import.meta.dirname, '../..')
  for (const path of ['migrations.yaml', 'plans', 'examples/vibe/kv.rdb'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const commands = [...readme.matchAll(/^npx kvmig (.*?) {2,}#/gm)].map(([, words]) => words!)

test('there are three commands', () => {
  expect(commands).toEqual(['plan', 'apply --phase=A', 'status'])
})

test.each(commands)('kvmig %s does what the README says', async (command) => {
  const { code, stdout, stderr } = await kvmig(folder, command.split(' ')).ended
  expect([code, stderr.includes('kvmig:')]).toEqual([0, false])
  expect(stdout).toMatch(SAYS[command]!)
})

const SAYS: Readonly<Record<string, RegExp>> = {
  plan: /Nothing has been changed\./,
  'apply --phase=A': /gate B open for .*messages/,
  status: /messages +phase A[\s\S]*\nQuarantine\n[\s\S]* ORPHAN +board +e\.g\. [\s\S]*\nStatus: /,
}
