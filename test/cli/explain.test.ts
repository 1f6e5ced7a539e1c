import { describe, expect, test } from 'vitest'
import { PLAN_CATALOG } from '../../src/catalog.ts'
import { readPages } from '../../src/cli/pages.ts'
import { PLAN_EXAMPLES, type Place } from '../../src/cli/plan-examples.ts'
import { REJECT_EXAMPLES, type RejectCase } from '../../src/cli/reject-examples.ts'
import { compile } from '../../src/plan/compile.ts'
import { loadProject } from '../../src/plan/load.ts'
import { REJECT_CODES } from '../../src/value.ts'
import { compilePlans } from '../mapping/compiled.ts'
import { memoryFiles } from '../plan/project.ts'
import { emittedCodes } from './emitted-codes.ts'

const pages = readPages()

test.each(pages)('$code has a page that says more than its title', ({ title, help }) => {
  expect(title).toMatch(/^\S/)
  expect(help ?? '').toMatch(/\S.*[.?]$/s)
})

test('a code has one page', () => {
  const codes = pages.map((it) => it.code)
  expect(new Set(codes).size).toBe(codes.length)
})

test('every code that the source can emit has its page, and no page is about a code that it cannot', () => {
  const emitted = new Set([...emittedCodes(), ...REJECT_CODES])
  const paged = new Set(pages.map((it) => it.code))
  expect([...emitted].filter((it) => !paged.has(it))).toEqual([])
  expect([...paged].filter((it) => !emitted.has(it))).toEqual([])
})

/** What no lines of a plan show: it takes a command, a file, a server, a second plan, or a value that is too large for a page. */
const WITHOUT_EXAMPLE = [
  'KV100',
  'KV101',
  'KV102',
  'KV103',
  'KV105',
  'KV106',
  'KV108',
  'KV150',
  'KV151',
  'KV152',
  'KV200',
  'KV201',
  'KV202',
  'KV203',
  'KV204',
  'UNKNOWN_FORMAT',
  'VALUE_TOO_LARGE',
]

test('every code that a plan or a record can be refused for has a wrong and a right example', () => {
  const refusals = pages.filter((it) => /Mistakes|quarantine/.test(it.chapter))
  expect(
    refusals
      .filter((it) => !it.example)
      .map((it) => it.code)
      .sort(),
  ).toEqual(WITHOUT_EXAMPLE.toSorted())
})

describe.each(Object.entries(REJECT_EXAMPLES).map(([code, example]) => ({ code, ...example })))(
  'kvmig explain $code',
  ({ code, wrong, right }) => {
    test('its wrong example gives that code', async () => {
      expect(await rejectsOf(wrong)).toEqual({ rows: 0, rejects: [code] })
    })
    test('its right example gives a row', async () => {
      expect(await rejectsOf(right)).toEqual({ rows: 1, rejects: [] })
    })
  },
)

async function rejectsOf({ columns, mapping, entry, match = 'k:{id}' }: RejectCase) {
  const { project, forward } = await compilePlans(`mappings:
  - match: ${JSON.stringify(match)}
    into: t
${indent(4, mapping.split('\n')).join('\n')}
tables:
  t: { columns: { id: text, ${columns} }, primary_key: [id] }
examples:
  - entry: ${entry}
`)
  const { key, value } = project.plans[0]!.examples[0]!.entry
  const { rows, rejects } = forward({ key, value, type: value.type, expiresAt: null, offset: 0, more: false })
  return { rows: rows.length, rejects: rejects.map((it) => it.code) }
}

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
  const { project, diagnostics } = await loadProject({
    file: 'migrations.yaml',
    root: '/project',
    files: memoryFiles(filesWith(place, lines)),
    catalog: PLAN_CATALOG,
  })
  const compiled = project ? compile(project).diagnostics : []
  return [...diagnostics, ...compiled].map((it) => it.code)
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
    ...indent(2, at('tables')),
    ...(place === 'plan' && lines.includes('---') ? lines : []),
  ]
  const project = [
    'version: 1',
    ...without('project', 'sources', 'sources: { kv: "rdb:./kv.rdb" }'),
    ...without('project', 'target', 'target: pglite:./pg'),
    ...without('project', 'plans', 'plans: plans/*.yaml'),
    ...at('project'),
    ...(place === 'schema' ? ['schema: schema.sql'] : []),
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
    ...(place === 'schema' && {
      'schema.sql': text,
      'plans/logs.yaml': `version: 1
plan: logs
mappings:
  - { match: 'log:{id:int}', type: string, into: logs, fields: { id: $id } }
`,
    }),
    'plans/users.yaml': place === 'file' ? text : `${users.join('\n')}\n`,
  }
}

const indent = (spaces: number, lines: readonly string[]) => lines.map((it) => ' '.repeat(spaces) + it)
