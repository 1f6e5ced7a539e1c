import { dirname, relative, resolve } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { PLAN_CATALOG } from '../../src/catalog.ts'
import { editorSchema } from '../../src/plan/schema.ts'
import { read, shippedFiles } from './shipped-files.ts'

const schema = JSON.parse(read('schema.json'))

/** As an editor does it: by the JSON Schema alone. */
const accepts = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)

test('schema.json is what the parts give (npm run generate)', () => {
  expect(schema).toEqual(JSON.parse(JSON.stringify(editorSchema(PLAN_CATALOG))))
})

describe('every shipped file', () => {
  const files = shippedFiles('.yaml')

  test('is found', () => expect(files.length).toBeGreaterThan(25))

  test.each(files)('%s names its schema, and keeps to it', (path) => {
    const text = read(path)
    const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1] ?? ''
    // A preset is written into a project of somebody else, who has its own.
    if (!path.startsWith('presets/'))
      expect(relative('/', resolve('/', dirname(path), named))).toBe('schema.json')
    accepts(parse(text))
    expect(accepts.errors ?? []).toEqual([])
  })
})

const PLAN = `version: 1
plan: users
mappings:
  - match: user:{id}
    into: users
    fields: { id: $id }
    unmapped: { drop: [v], because: nobody reads it }
accept:
  - { code: ORPHAN, match: 'user:{_}', at_most: 3, because: they left }
gates:
  B: [row_count, recency: { column: at, within: 24h }]
`
const PROJECT = `version: 1
sources: { kv: 'rdb:./kv.rdb' }
target: pglite:./pg
`

test.each([
  ['a plan', PLAN, '', ''],
  ['a plan that drops all', PLAN, 'drop: [v]', 'drop: all'],
  ['a project', PROJECT, '', ''],
])('accepts %s', (_, text, find, by) => {
  expect(accepts(parse(text.replace(find, by)))).toBe(true)
})

test.each([
  ['a word that is none', PLAN, 'mappings:', 'mapings:'],
  ['another version', PLAN, 'version: 1', 'version: 2'],
  ['a mapping without a table', PLAN, '    into: users\n', ''],
  ['a type that is none', PLAN, 'match: user', 'type: sting\n    match: user'],
  ['the reason where the fields belong', PLAN, 'drop: [v], because: nobody', 'drop: nobody'],
  ['fields without a reason', PLAN, 'drop: [v], because: nobody reads it', 'drop: [v]'],
  ['a reason code that is none', PLAN, 'code: ORPHAN', 'code: ORFAN'],
  ['a check that is none', PLAN, 'row_count', 'rowcount'],
  ['an option that is missing', PLAN, 'column: at, ', ''],
  ['a project without a target', PROJECT, 'target: pglite:./pg\n', ''],
  ['a project with plans inside', PROJECT, 'version: 1', 'version: 1\nmappings: []'],
])('refuses %s', (_, text, find, by) => {
  expect(text).toContain(find)
  expect(accepts(parse(text.replace(find, by)))).toBe(false)
})
