import { expect, test } from 'vitest'
import { planHash } from '../../src/plan/fingerprint.ts'
import { loadProject } from '../../src/plan/load.ts'
import { catalog, compileAll, string } from '../mapping/compiled.ts'
import { memoryFiles } from './project.ts'

const load = (field: string, files: Readonly<Record<string, string>>) =>
  loadProject({
    file: 'migrations.yaml',
    root: '/project',
    files: memoryFiles({
      'migrations.yaml':
        'version: 1\nsources: { kv: "rdb:./kv.rdb" }\ntarget: "pglite:./pg"\nplans: plans/*.yaml\n',
      'plans/p.yaml': `version: 1
plan: p
mappings:
  - { match: 'k:{id}', type: string, into: t, fields: { id: $id, v: "${field}" } }
tables:
  t: { columns: { id: text, v: text }, primary_key: [id] }
`,
      ...files,
    }),
    catalog,
  })
const SLUG = "$value | js('./slug.js', { in: text, out: text })"

test('a script of the project is part of the plan', async () => {
  const { project } = await load(SLUG, { 'slug.js': 'export default (it) => it.toLowerCase()' })
  expect(
    compileAll(project!)
      .forward(string('k:1', 'Ab'))
      .rows.map((it) => it.cells),
  ).toEqual([{ id: '1', v: 'ab' }])
})

test('a script that changes makes another plan', async () => {
  const one = await load(SLUG, { 'slug.js': 'export default (it) => it.toLowerCase()' })
  const other = await load(SLUG, { 'slug.js': 'export default (it) => it.toUpperCase()' })
  expect(planHash(one.project!)).not.toBe(planHash(other.project!))
})

test.each([
  [SLUG, {}, 'KV018'],
  ["$value | js('../slug.js', { in: text, out: text })", {}, 'KV01[78]'],
  [
    "$value | js('./slug.js', { in: number, out: text })",
    { 'slug.js': 'export default (it) => it' },
    'KV033',
  ],
  [
    "$value | js('./slug.js', { in: text, out: number })",
    { 'slug.js': 'export default (it) => it' },
    'KV034',
  ],
])('%s with %j is refused', async (field, files, code) => {
  const { diagnostics } = await load(field, files)
  expect(diagnostics.map((it) => it.code).join()).toMatch(new RegExp(code))
})
