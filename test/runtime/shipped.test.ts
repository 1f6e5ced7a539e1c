import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { MAPPING_PARTS } from '../../src/catalog.ts'
import { loadProject } from '../../src/index.ts'
import { compileProject } from '../../src/mapping/compiled-project.ts'
import { groupOf } from '../../src/mapping/group.ts'
import { mappingsOf, type Project } from '../../src/plan/plan.ts'
import { compileEntryKind } from '../../src/runtime/entry-kind.ts'
import { projectFolder } from '../setup/cli.ts'

const root = resolve(import.meta.dirname, '../..')
const cases = readdirSync(join(root, 'test/cases')).filter((it) => /^\d/.test(it))
const projects = [
  'migrations.yaml',
  'examples/5ducks/migrations.yaml',
  'examples/stackmemory/migrations.yaml',
  ...cases.map((it) => `test/cases/${it}/migrations.yaml`),
]

async function load(file: string): Promise<Project> {
  const { project, diagnostics } = await loadProject(file)
  if (!project) throw new Error(JSON.stringify(diagnostics))
  return project
}

/** What dual-write says of each mapping of a project: '' where its entries can be written to both sides. */
function verdicts(project: Project): readonly { readonly mapping: string; readonly because: string }[] {
  const compiled = compileProject(project, MAPPING_PARTS)
  return project.plans.flatMap((plan) =>
    mappingsOf(plan).map((mapping) => {
      const group = groupOf(plan, mapping).map((it) => compiled.mapping(plan.name, it.name))
      const kind = compileEntryKind(plan, group, compiled)
      return { mapping: `${plan.name} ${mapping.name}`, because: 'because' in kind ? kind.because : '' }
    }),
  )
}

/** The only mappings that dual-write refuses: for want of knowledge, not for want of a way back. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'migrations.yaml': { 'game-results game_results': 'a stream gives its messages their ids itself' },
  'test/cases/08-vercel-chat/migrations.yaml': {
    'chats chats': 'columns depend on what other keys say',
    'chats chat_messages': 'columns depend on what other keys say',
  },
  'test/cases/14-bullmq/migrations.yaml': { 'jobs jobs': 'columns depend on what other keys say' },
  'better-auth.yaml': { 'better_auth session': 'columns depend on what other keys say' },
  'bullmq.yaml': { 'jobs job': 'columns depend on what other keys say' },
  'test/cases/16-sessions-flags/migrations.yaml': {
    'flags flipper_gates': 'columns depend on what other keys say',
  },
}

test.each(projects)('dual-write takes the mappings of %s, but for those that are known', async (file) => {
  const all = verdicts(await load(join(root, file)))
  const refused = all.filter((it) => it.because !== '').map((it) => [it.mapping, it.because])
  expect(Object.fromEntries(refused)).toEqual(REFUSED[file] ?? {})
  expect(all.length).toBeGreaterThan(Object.keys(REFUSED[file] ?? {}).length)
})

const presets = readdirSync(join(root, 'presets')).filter((it) => it.endsWith('.yaml'))
test.each(presets)(
  'dual-write takes the mappings of preset %s, but for those that are known',
  async (file) => {
    const text = readFileSync(join(root, 'presets', file), 'utf8')
    const sql = join(root, 'presets', file.replace('.yaml', '.sql'))
    const folder = projectFolder({
      'migrations.yaml': `version: 1\nsources:\n  kv: redis://127.0.0.1:1\ntarget: pglite:./pg\nplans: plans/*.yaml\n${existsSync(sql) ? 'schema: schema.sql\n' : ''}`,
      ...(existsSync(sql) && { 'schema.sql': readFileSync(sql, 'utf8') }),
      [`plans/${file}`]: text,
    })
    try {
      const all = verdicts(await load(join(folder.path, 'migrations.yaml')))
      const refused = all.filter((it) => it.because !== '').map((it) => [it.mapping, it.because])
      expect(Object.fromEntries(refused)).toEqual(REFUSED[file] ?? {})
    } finally {
      folder.remove()
    }
  },
)

test('rows that are made of several records are refused, by each of their mappings', async () => {
  const folder = projectFolder({
    'migrations.yaml':
      'version: 1\nsources:\n  kv: redis://127.0.0.1:1\ntarget: pglite:./pg\nplans: plans/*.yaml\n',
    'plans/totals.yaml': `version: 1
plan: totals
mappings:
  - { match: 'hits:{id}', type: string, into: totals, merge: { hits: sum }, fields: { id: $id, hits: $value | int } }
  - { match: 'old-hits:{id}', type: string, into: totals, fields: { id: $id, hits: $value | int } }
tables: { totals: { columns: { id: text, hits: bigint }, primary_key: [id] } }
`,
  })
  try {
    const all = verdicts(await load(join(folder.path, 'migrations.yaml')))
    expect(all.map((it) => it.because)).toEqual(
      Array(2).fill('rows of totals are made of several records, and a write would have to know them all'),
    )
  } finally {
    folder.remove()
  }
})
