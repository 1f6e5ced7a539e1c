import { describe, expect, test } from 'vitest'
import { PLAN_CATALOG } from '../../src/catalog.ts'
import { readPages } from '../../src/cli/pages.ts'
import { PLAN_EXAMPLES, type Place } from '../../src/cli/plan-examples.ts'
import { loadProject } from '../../src/plan/load.ts'
import { memoryFiles } from '../plan/project.ts'

const pages = readPages()

test.each(pages)('$code has a page that says more than its title', ({ title, help }) => {
  expect(title).toMatch(/^\S/)
  expect(help ?? '').toMatch(/\S.*\.$/s)
})

test('a code has one page', () => {
  const codes = pages.map((it) => it.code)
  expect(new Set(codes).size).toBe(codes.length)
})

describe.each(Object.entries(PLAN_EXAMPLES).map(([code, example]) => ({ code, ...example! })))(
  'kvmig explain $code',
  ({ code, place, wrong, right }) => {
    test('its wrong example gives that code', async () => {
      expect(await codesOf(place, wrong)).toContain(code)
    })

    test.skipIf(place === 'file')('its right example gives none', async () => {
      expect(await codesOf(place, right)).toEqual([])
    })
  },
)

async function codesOf(place: Place, lines: string): Promise<readonly string[]> {
  const { diagnostics } = await loadProject({
    file: 'migrations.yaml',
    root: '/project',
    files: memoryFiles(filesWith(place, lines)),
    catalog: PLAN_CATALOG,
  })
  return diagnostics.map((it) => it.code)
}

/** A small project with the lines where they belong; keys that are there before make way. */
function filesWith(place: Place, text: string): Readonly<Record<string, string>> {
  const lines = place === 'file' ? [] : text.split('\n')
  const at = (name: Place) => (place === name ? lines : [])
  const without = (name: Place, key: string, line: string) =>
    at(name).some((it) => it.startsWith(`${key}:`)) ? [] : [line]
  const users = [
    'version: 1',
    ...without('plan', 'plan', 'plan: users'),
    ...(place === 'plan' && !lines.includes('---') ? lines : []),
    'mappings:',
    ...indent(2, at('mappings')),
    '  - match: user:{id:int}',
    ...indent(4, [
      ...at('mapping'),
      ...(at('mapping').some((it) => /^(type|decode)/.test(it)) ? [] : ['type: string', 'decode: json']),
      ...without('mapping', 'into', 'into: users'),
      'fields:',
    ]),
    ...indent(6, ['id: $id', ...at('fields')]),
    // A column that may not be NULL wants its field, whatever the example is about.
    ...(at('fields').some((it) => /^(name|nmae|age):/.test(it)) && !/^age.*abs/.test(text)
      ? []
      : ['      name: name']),
    'tables:',
    '  users:',
    '    columns:',
    ...indent(6, [
      'id: bigint',
      'name: text not null',
      'age: integer',
      'joined: timestamptz',
      'boss: bigint',
      'twice: integer generated always as (age * 2) stored',
      ...at('columns'),
    ]),
    ...indent(4, ['primary_key: [id]', 'indexes: { idx_users: [name] }', ...at('table')]),
    ...(place === 'plan' && lines.includes('---') ? lines : []),
  ]
  const project = [
    'version: 1',
    ...without('project', 'sources', 'sources: { kv: "rdb:./kv.rdb" }'),
    ...without('project', 'target', 'target: pglite:./pg'),
    ...without('project', 'plans', 'plans: plans/*.yaml'),
    ...at('project'),
  ]
  const handles = `version: 1
plan: handles
mappings:
  - { match: 'handle:{id}', type: string, into: handles, fields: { id: $id } }
tables:
  handles: { columns: { id: text }, primary_key: [id] }
`
  return {
    'migrations.yaml': `${project.join('\n')}\n`,
    'plans/handles.yaml': handles,
    'plans/users.yaml': place === 'file' ? text : `${users.join('\n')}\n`,
  }
}

const indent = (spaces: number, lines: readonly string[]) => lines.map((it) => ' '.repeat(spaces) + it)
