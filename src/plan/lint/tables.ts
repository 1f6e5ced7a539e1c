import { didYouMean } from '../../diagnostic.ts'
import { plainColumn } from '../sql-names.ts'
import { type BaseType, type ColumnType, type Reference, showTable, type TableDefinition } from '../table.ts'
import { findTable, hasColumn, type LintScope } from './scope.ts'

/** Columns that keys, indexes and references of a plan's tables name exist, and references lead to something unique. */
export function tables(scope: LintScope): void {
  for (const plan of scope.plans)
    for (const table of plan.tables)
      if (table.owner === 'plan') {
        checkNamedColumns(table, scope)
        checkTimes(table, scope)
        checkReferences(table, scope)
      }
}

function checkNamedColumns(table: TableDefinition, scope: LintScope): void {
  const { notes } = scope
  for (const [index, column] of table.primaryKey.entries()) unknown(column, 'primary_key', index)
  for (const [at, columns] of table.unique.entries())
    for (const [index, column] of columns.entries()) unknown(column, 'unique', at, index)
  for (const { name, columns } of table.indexes) {
    const list = notes.node(table, 'indexes', name)?.kind === 'list' ? [] : ['columns']
    for (const [index, written] of columns.entries()) {
      const column = plainColumn(written)
      if (column !== undefined) unknown(column, 'indexes', name, ...list, index)
    }
  }
  function unknown(column: string, ...path: readonly (string | number)[]): void {
    if (hasColumn(scope, table, column)) return
    notes.error('KV043', notes.at(table, ...path), ...noColumn(table, column))
  }
}

/** The sentence about a column that is not there, and what may have been meant. */
export function noColumn(table: TableDefinition, column: string): readonly [string, string | undefined] {
  const meant = didYouMean(
    column,
    table.columns.map((it) => it.name),
  )
  return [
    `The table ${showTable(table.name)} has no column "${column}".`,
    meant && `Did you mean "${meant}"?`,
  ]
}

function checkTimes({ columns }: TableDefinition, { notes }: LintScope): void {
  for (const { name, type, at } of columns)
    if (type.base === 'timestamp')
      notes.warning(
        'KV050',
        at,
        `The column "${name}" keeps a time without its zone.`,
        'Use timestamptz, which is a moment.',
      )
}

function checkReferences(table: TableDefinition, scope: LintScope): void {
  const { notes, complete } = scope
  for (const reference of table.references) {
    const { columns, to, toColumns } = reference
    for (const [index, column] of columns.entries())
      if (!hasColumn(scope, table, column))
        notes.error('KV043', notes.at(reference, 'columns', index), ...noColumn(table, column))
    const target = findTable(scope, to)
    const at = notes.at(reference, 'to')
    if (!target) {
      if (complete)
        notes.error('KV042', at, `There is no table ${showTable(to)}.`, ...optionalMeant(to.table, scope))
      continue
    }
    const missing = toColumns.filter((it) => !hasColumn(scope, target, it))
    for (const column of missing) notes.error('KV043', at, ...noColumn(target, column))
    const meant = toColumns.length > 0 ? toColumns : target.primaryKey
    if (meant.length !== columns.length)
      notes.error('KV052', at, `${columns.length} columns refer to ${meant.length} of ${showTable(to)}.`)
    else if (missing.length === 0 && !isUnique(target, meant))
      notes.error(
        'KV052',
        at,
        `Nothing makes (${meant.join(', ')}) of ${showTable(to)} unique.`,
        `A reference leads to the primary key or to a unique constraint.`,
      )
    else checkTypes(table, reference, target, scope)
  }
}

function checkTypes(
  table: TableDefinition,
  reference: Reference,
  target: TableDefinition,
  { notes }: LintScope,
): void {
  const toColumns = reference.toColumns.length > 0 ? reference.toColumns : target.primaryKey
  for (const [index, name] of reference.columns.entries()) {
    const from = table.columns.find((it) => it.name === name)
    const to = target.columns.find((it) => it.name === toColumns[index])
    if (!from || !to || areComparable(from.type, to.type)) continue
    notes.error(
      'KV052',
      notes.at(reference, 'columns', index),
      `"${from.name}" is ${from.type.sql}, and "${to.name}" of ${showTable(target.name)} is ${to.type.sql}: Postgres has no key between the two.`,
      'Make both the same type.',
    )
  }
}

/** Has Postgres an equality between them? Of types that kvmig does not know, Postgres says so itself when the DDL is tried. */
function areComparable(a: ColumnType, b: ColumnType): boolean {
  if (a.array !== b.array) return false
  if (UNKNOWN.has(a.base) || UNKNOWN.has(b.base) || a.base === b.base) return true
  return FAMILIES.some((it) => it.has(a.base) && it.has(b.base))
}

const UNKNOWN: ReadonlySet<BaseType> = new Set<BaseType>(['other', 'enum', 'vector'])
const FAMILIES: readonly ReadonlySet<BaseType>[] = [
  new Set<BaseType>(['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']),
  new Set<BaseType>(['text', 'varchar', 'char']),
  new Set<BaseType>(['date', 'timestamp', 'timestamptz']),
]

function optionalMeant(name: string, { tables }: LintScope): readonly string[] {
  const meant = didYouMean(
    name,
    tables.map((it) => it.name.table),
  )
  return meant ? [`Did you mean "${meant}"?`] : []
}

/** Do these columns, in any order, identify a row of the table? */
export function isUnique(table: TableDefinition, columns: readonly string[]): boolean {
  return uniqueKeys(table).some(
    (it) => it.length === columns.length && it.every((column) => columns.includes(column)),
  )
}

/** The primary key, the unique constraints, and unique indexes over whole columns without a condition. */
export function uniqueKeys({ primaryKey, unique, indexes }: TableDefinition): readonly (readonly string[])[] {
  const fromIndexes = indexes
    .filter((it) => it.unique && it.where === undefined)
    .map((it) => it.columns.map(plainColumn))
    .filter((it): it is string[] => it.every((column) => column !== undefined))
  return [...(primaryKey.length > 0 ? [primaryKey] : []), ...unique, ...fromIndexes]
}
