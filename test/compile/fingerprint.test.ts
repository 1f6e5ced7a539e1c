import { describe, expect, test } from 'vitest'
import { compile } from '../../src/plan/compile.ts'
import { fingerprints, planHash } from '../../src/plan/fingerprint.ts'
import type { Mapping, Plan, Project } from '../../src/plan/plan.ts'
import type { TableDefinition } from '../../src/plan/table.ts'
import {
  at,
  checkOf,
  fieldOf,
  gateOf,
  indexOf,
  mappingOf,
  moved,
  path,
  patternOf,
  planOf,
  projectOf,
  referenceOf,
  simplePlan,
  tableOf,
} from './project.ts'

const table = tableOf(
  'messages',
  { id: 'text', user_id: "text not null default 'X'", text: 'text', extra: 'text' },
  {
    references: [referenceOf('user_id', 'users')],
    indexes: [indexOf('idx_text', ['text'])],
    checks: ["text <> 'A'"],
  },
)
const first = mappingOf('messages', { fields: [fieldOf('id'), fieldOf('text')], match: patternOf('m:{id}') })
const second = mappingOf('messages', { name: 'messages.2', match: patternOf('n:{id}') })
const messages = planOf('messages', {
  tables: [table],
  rules: [first, second],
  gates: gateOf(checkOf('sample', { of: '10%', because: 'an option of this name' })),
})
const users = simplePlan('users')
const project = projectOf([messages, users])

/** Ids whose fingerprint an edit changes. */
function changed(edited: Project): readonly string[] {
  const before = fingerprints(compile(project).graph)
  const after = fingerprints(compile(edited).graph)
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
  return [...after].filter(([id, it]) => before.get(id) !== it).map(([id]) => id)
}

const withPlan = (rest: Partial<Plan>) => projectOf([{ ...messages, ...rest }, users])
const withMapping = (rest: Partial<Mapping>) => withPlan({ rules: [{ ...first, ...rest }, second] })
const withTable = (rest: Partial<TableDefinition>) => withPlan({ tables: [{ ...table, ...rest }] })
const withColumn = (name: string, sql: string) =>
  withTable({
    columns: table.columns.map((it) => (it.name === name ? tableOf('x', { [name]: sql }).columns[0]! : it)),
  })

const GATE = 'messages/A/gate/B'
const TABLE = 'messages/A/table/messages'
const FIRST = 'messages/A/backfill/messages'
const FOREIGN_KEY = 'messages/A/foreign_key/messages_user_id_fkey'

describe('fingerprints change with what matters', () => {
  test.each<[string, Project, readonly string[]]>([
    ['where', withMapping({ where: { cel: 'has(r.id)', at: at() } }), [FIRST, GATE]],
    ['match', withMapping({ match: patternOf('k:{id}') }), [FIRST, GATE]],
    ['decode', withMapping({ decode: [] }), [FIRST, GATE]],
    ['each', withMapping({ each: { kind: 'item' } }), [FIRST, GATE]],
    ['conflict', withMapping({ conflict: { policy: 'newest', column: 'text' } }), [FIRST, GATE]],
    [
      'a field’s expression',
      withMapping({ fields: [fieldOf('id'), fieldOf('text', path('body'))] }),
      [FIRST, GATE],
    ],
    ['one field fewer', withMapping({ fields: [fieldOf('id')] }), [FIRST, GATE]],
    ['text', withMapping({ text: 'replace' }), [FIRST, GATE]],
    ['existing', withMapping({ existing: 'update' }), [FIRST, GATE]],
    ['unmapped', withMapping({ unmapped: { fields: [['noise']], expiry: false, because: 'noise' } }), [GATE]],
    ['the limit of rejects', withMapping({ rejectLimit: 0.1 }), [GATE]],
    ['a column that no mapping fills', withColumn('extra', 'integer'), [TABLE, GATE]],
    ['the type of a column that one mapping fills', withColumn('text', 'varchar(10)'), [TABLE, FIRST, GATE]],
    ['a default’s case inside quotes', withColumn('user_id', "text not null default 'x'"), [TABLE, GATE]],
    ['a check’s text inside quotes', withTable({ checks: ["text <> 'a'"] }), [TABLE, GATE]],
    [
      'an index',
      withTable({ indexes: [indexOf('idx_text', ['lower(text)'])] }),
      ['messages/A/index/idx_text', GATE],
    ],
    [
      'on delete',
      withTable({ references: [referenceOf('user_id', 'users', { onDelete: 'cascade' })] }),
      [FOREIGN_KEY, GATE],
    ],
    [
      'an option of a check',
      withPlan({ gates: gateOf(checkOf('sample', { of: '10%', because: 'other' })) }),
      [GATE],
    ],
    ['the source', withPlan({ source: 'other' }), [FIRST, 'messages/A/backfill/messages.2', GATE]],
  ])('%s', (_, edited, ids) => {
    expect(changed(edited).toSorted()).toEqual(ids.toSorted())
    expect(planHash(edited)).not.toBe(planHash(project))
  })
})

describe('fingerprints do not change with what does not matter', () => {
  test.each<[string, Project]>([
    ['positions', moved(project)],
    ['the files’ names', projectOf([{ ...messages, file: 'plans/zz.yaml' }, users])],
    ['the order of fields', withMapping({ fields: first.fields.toReversed() })],
    ['the order of columns', withTable({ columns: table.columns.toReversed() })],
    [
      'the spelling of a field',
      withMapping({ fields: first.fields.map((it) => ({ ...it, source: ` ${it.source} ` })) }),
    ],
    ['the case and spaces of SQL', withColumn('user_id', "TEXT  NOT NULL\n DEFAULT 'X'")],
    ['the case of an index’s SQL', withTable({ indexes: [indexOf('idx_text', ['TEXT'])] })],
    [
      'why a check is asked for',
      withPlan({ gates: gateOf({ ...messages.gates.get('B')![0]!, because: 'so' }) }),
    ],
  ])('%s', (_, edited) => {
    expect(changed(edited)).toEqual([])
    expect(planHash(edited)).toBe(planHash(project))
  })

  test('why something is dropped', () => {
    const dropping = (because: string) =>
      fingerprints(compile(withMapping({ unmapped: { fields: 'all', expiry: false, because } })).graph)
    expect(dropping('one reason')).toEqual(dropping('another'))
  })

  test('the root folder, but the address of a source does', () => {
    expect(planHash({ ...project, root: '/elsewhere', file: 'other.yaml' })).toBe(planHash(project))
    const sources = new Map([['kv', { url: 'rdb:./kv.rdb', at: at() }]])
    expect(planHash({ ...project, sources })).not.toBe(planHash(project))
  })
})

test('fingerprints stay the same from one version of kvmig to the next', () => {
  // If this fails, every step of every project in the field is taken for edited: it needs a migration of the ledger.
  const known = Object.fromEntries(fingerprints(compile(project).graph))
  expect(known).toMatchInlineSnapshot(`
    {
      "messages/A/analyze/messages": "54508ff68a2d229f0d1cf100dc9bb9ba",
      "messages/A/backfill/messages": "d804b0383943f8cbb3e45b225ea64f7b",
      "messages/A/backfill/messages.2": "92ad43c9eaa728472735c0cba90c2105",
      "messages/A/foreign_key/messages_user_id_fkey": "014e19ad51fa79cc568f3f2766c7322a",
      "messages/A/gate/B": "34fad21cf18dd9e013c862f3f92e24a2",
      "messages/A/index/idx_text": "2137ed531876f82a5a9783a9a18ce447",
      "messages/A/table/messages": "5566a6b3635e00ce760dbb8833b233e9",
      "messages/A/validate/messages_user_id_fkey": "f874c079401c29dd97b6a7b7a74794e5",
      "users/A/analyze/users": "84d174eff35830a38932941c16017d19",
      "users/A/backfill/users": "239b193ddd53656d94d5aa600fd5f472",
      "users/A/gate/B": "e168cb7345811c727d76cff49b55caf1",
      "users/A/table/users": "f701d942e3067a777e77ef4d7500d1d5",
    }
  `)
})
