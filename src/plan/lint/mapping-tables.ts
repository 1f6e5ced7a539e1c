import { didYouMean } from '../../diagnostic.ts'
import { changingDefault } from '../changing-default.ts'
import type { Mapping } from '../plan.ts'
import { listOf } from '../problem.ts'
import { sameTable, showTable, type TableDefinition } from '../table.ts'
import { filledColumns, findTable, hasColumn, type LintScope, mappings } from './scope.ts'
import { noColumn } from './tables.ts'

/** `into` and the columns of `fields` exist and may be filled, and every column that needs a value gets one. */
export function mappingTables(scope: LintScope): void {
  const { notes, unlogged } = scope
  for (const { mapping } of mappings(scope)) {
    const table = findTable(scope, mapping.into)
    if (!table) {
      noTable(mapping, scope)
      continue
    }
    if (unlogged.some((it) => sameTable(it, table.name)))
      notes.error(
        'KV049',
        notes.at(mapping, 'into'),
        `The table ${showTable(table.name)} is unlogged: a crash of Postgres empties it.`,
        'ALTER TABLE … SET LOGGED, for as long as the migration lasts.',
      )
    checkColumns(mapping, table, scope)
    checkFilled(mapping, table, scope)
    checkDefaults(mapping, table, scope)
  }
}

function noTable(mapping: Mapping, { notes, tables, complete }: LintScope): void {
  const at = notes.at(mapping, 'into')
  const { table } = mapping.into
  if (complete) {
    const meant = didYouMean(
      table,
      tables.map((it) => it.name.table),
    )
    const meantLeftovers =
      table === 'leftovers' ? 'The table for what nobody models is kvmig.leftovers.' : undefined
    const hint = 'Declare it under "tables:", or name the SQL that creates it in "schema:" of the project.'
    notes.error(
      'KV042',
      at,
      `There is no table ${showTable(mapping.into)}.`,
      meantLeftovers ?? (meant ? `Did you mean "${meant}"?` : hint),
    )
  }
}

function checkColumns(mapping: Mapping, table: TableDefinition, scope: LintScope): void {
  const { notes } = scope
  for (const { key, at } of filledColumns(scope, mapping)) {
    if (!hasColumn(scope, table, key)) notes.error('KV043', at, ...noColumn(table, key))
    if (table.columns.some((it) => it.name === key && it.generated))
      notes.error(
        'KV046',
        at,
        `Postgres computes the column "${key}" by itself.`,
        'Take it out of the mapping.',
      )
  }
}

function checkFilled(mapping: Mapping, table: TableDefinition, scope: LintScope): void {
  const { notes } = scope
  // By the file, not by what could be read of it: a field whose expression is wrong is there. Of the key another rule speaks.
  const filled = filledColumns(scope, mapping).map((it) => it.key)
  const named = new Set([...filled, ...mapping.key, ...(mapping.merge ?? []).map((it) => it.column)])
  const empty = table.columns.filter(
    (it) => it.notNull && it.default === undefined && !it.identity && !it.generated && !named.has(it.name),
  )
  if (empty.length === 0) return
  const names = listOf(empty.map((it) => `"${it.name}"`))
  notes.error(
    'KV045',
    notes.keyAt(mapping, 'fields'),
    `Nothing fills ${names} of ${showTable(table.name)}, which cannot be NULL.`,
    'Add a field for each, such as const(…), allow NULL, or give the column a constant default.',
  )
}

// A default that looks at the clock would invent a value, and another one in the next run.
function checkDefaults(mapping: Mapping, table: TableDefinition, { notes }: LintScope): void {
  const filled = new Set(notes.node(mapping, 'fields')?.entries.map((it) => it.key))
  for (const column of table.columns) {
    const changing = filled.has(column.name) ? undefined : changingDefault(column)
    if (changing === undefined) continue
    notes.error(
      'KV073',
      notes.keyAt(mapping, 'fields'),
      `Nothing fills "${column.name}" of ${showTable(table.name)}, so its default (${changing}) would invent a value, another one in every run.`,
      `Add a field for it: from the data, ${column.notNull ? '' : 'null, '}or a constant${column.type.base === 'timestamptz' ? " such as const('2026-01-01T00:00:00Z') | iso" : ''}. The default goes on serving the application.`,
    )
  }
}
