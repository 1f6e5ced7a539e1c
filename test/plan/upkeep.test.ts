import { describe, expect, test } from 'vitest'
import { brief, load, PROJECT } from './project.ts'

const HANDLES = 'plans/handles.yaml'
const withTable = (more: string, columns = '') =>
  load({
    ...PROJECT,
    [HANDLES]: PROJECT[HANDLES]!.replace(
      '      registered_at: timestamptz not null\n',
      `      registered_at: timestamptz not null\n      ends: timestamptz\n      day: text\n${columns}`,
    ).replace(/( {4}primary_key: \[handle\]\n)/, `$1${more}`),
  })
const handles = async (more: string) => {
  const { project, diagnostics } = await withTable(more)
  expect(diagnostics).toEqual([])
  return project!.plans[0]!.tables[0]!
}

describe('expiry', () => {
  test('names a view after the table, is swept by kvmig, and brings an index along', async () => {
    const table = await handles('    expiry: { column: ends }\n')
    expect(table.expiry).toEqual({ column: 'ends', view: 'handles_live', sweep: 'kvmig' })
    expect(table.indexes).toMatchObject([{ name: 'handles_ends_idx', columns: ['ends'], unique: false }])
  })

  test('leaves an index be that begins with the column', async () => {
    const table = await handles('    expiry: { column: ends }\n    indexes: { mine: [ends DESC, handle] }\n')
    expect(table.indexes.map((it) => it.name)).toEqual(['mine'])
  })

  test.each([
    ['expiry: { column: end }', 'KV043'],
    ['expiry: { column: day }', 'KV053'],
    ['expiry: { view: living }', 'KV011'],
    ['expiry: { column: ends, sweep: cron }', 'KV013'],
    ['expiry: { column: ends, view: a.b }', 'KV041'],
    ['expiry: ends', 'KV012'],
    ['unlogged: true', 'KV010'],
  ])('%s is refused: %s', async (more, code) => {
    const { project, diagnostics } = await withTable(`    ${more}\n`)
    expect(project).toBeUndefined()
    expect(diagnostics.map((it) => it.code)).toEqual([code])
  })
})

describe('partitions', () => {
  test('are three ahead unless said', async () => {
    const table = await handles('    partition_by: range (registered_at)\n    partitions: { every: month }\n')
    expect(table.partitions).toEqual({ every: 'month', ahead: 3 })
  })

  test.each([
    ['partitions: { every: month }', 'KV054'],
    ['partition_by: list (day)\n    partitions: { every: month }', 'KV054'],
    ['partition_by: range (registered_at, ends)\n    partitions: { every: month }', 'KV054'],
    ['partition_by: range (day)\n    partitions: { every: month }', 'KV054'],
    ['partition_by: range (ends)\n    partitions: { every: hour }', 'KV013'],
    ['partition_by: range (ends)\n    partitions: { every: day, from: yesterday }', 'KV013'],
    ['partition_by: range (ends)\n    partitions: { every: day, ahead: 0 }', 'KV013'],
  ])('%s are refused: %s', async (more, code) => {
    const { diagnostics } = await withTable(`    ${more}\n`)
    expect(diagnostics.map((it) => it.code)).toEqual([code])
  })
})

test('a mapping into an unlogged table is refused', async () => {
  const { project, diagnostics } = await load({
    ...PROJECT,
    'schema.sql': PROJECT['schema.sql']!.replace('CREATE TABLE', 'CREATE UNLOGGED TABLE'),
  })
  expect(project).toBeUndefined()
  expect(brief(diagnostics)).toEqual(['handles.yaml:15:11 KV049'])
})
