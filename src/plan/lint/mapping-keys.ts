import type { Mapping } from '../plan.ts'
import { listOf } from '../problem.ts'
import { showTable, type TableDefinition } from '../table.ts'
import { filledColumns, findTable, hasColumn, type LintScope, mappings } from './scope.ts'
import { isUnique, noColumn, uniqueKeys } from './tables.ts'

/** The key of a mapping is a key of its table and gets its values, and the column that decides a conflict does too. */
export function mappingKeys(scope: LintScope): void {
  for (const { mapping } of mappings(scope)) {
    const table = findTable(scope, mapping.into)
    if (!table) continue
    checkKey(mapping, table, scope)
    checkConflict(mapping, table, scope)
  }
}

function checkKey(mapping: Mapping, table: TableDefinition, scope: LintScope): void {
  const { notes } = scope
  const { key } = mapping
  const written = notes.node(mapping, 'key')
  const shown = showTable(table.name)
  if (key.length === 0) {
    notes.error(
      'KV044',
      notes.at(mapping, 'into'),
      `The table ${shown} has no primary key, and the mapping names no other key.`,
      'Give the table a primary key, or a unique constraint and write "key:".',
    )
    return
  }
  const unknown = key.filter((it) => !hasColumn(scope, table, it))
  for (const column of written ? unknown : [])
    notes.error('KV043', notes.at(mapping, 'key', key.indexOf(column)), ...noColumn(table, column))
  if (unknown.length > 0) return
  if (!isUnique(table, key)) {
    const keys = uniqueKeys(table).map((it) => `[${it.join(', ')}]`)
    const hint =
      keys.length > 0 ? `Unique are ${listOf(keys)}.` : 'Add it to the table: "primary_key:" or "unique:".'
    notes.error(
      'KV044',
      notes.at(mapping, 'key'),
      `Nothing makes [${key.join(', ')}] of ${shown} unique.`,
      hint,
    )
    return
  }
  const filled = new Set(filledColumns(scope, mapping).map((it) => it.key))
  const empty = key.filter((it) => !filled.has(it))
  if (empty.length > 0)
    notes.error(
      'KV044',
      written ? written.at : notes.keyAt(mapping, 'fields'),
      `No field fills ${listOf(empty.map((it) => `"${it}"`))}, so a second run could not find its rows again.`,
      written ? 'Add it to "fields:".' : 'Add it to "fields:", or name another unique key in "key:".',
    )
}

function checkConflict(mapping: Mapping, table: TableDefinition, scope: LintScope): void {
  const { notes } = scope
  if (!('column' in mapping.conflict)) return
  const { column } = mapping.conflict
  const at = notes.at(mapping, 'conflict')
  if (!hasColumn(scope, table, column)) notes.error('KV043', at, ...noColumn(table, column))
  else if (!filledColumns(scope, mapping).some((it) => it.key === column))
    notes.error('KV044', at, `No field fills "${column}", so it cannot decide between two records.`)
}
