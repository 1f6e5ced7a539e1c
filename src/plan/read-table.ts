import type { Position } from '../diagnostic.ts'
import { parseColumn } from './column-type.ts'
import { checkIdentifier } from './identifier.ts'
import type { Notes } from './notes.ts'
import { plainColumn } from './sql-names.ts'
import {
  type ColumnDefinition,
  type ColumnType,
  type Expiry,
  type IndexDefinition,
  type Partitions,
  type Reference,
  sameTable,
  type TableDefinition,
} from './table.ts'
import { optional, textOf, type YamlEntry, type YamlNode } from './yaml.ts'

export interface TableContext {
  readonly notes: Notes
  readonly targetSchema: string
  /** Labels of the enum types that the application's schema declares, by the type as it is written. */
  readonly enums: ReadonlyMap<string, readonly string[]>
}

/** Reads one table of `tables:`. What is broken is reported and left out. */
export function readTable({ key, at, value }: YamlEntry, context: TableContext): TableDefinition {
  const { notes, targetSchema } = context
  const name = { schema: targetSchema, table: key }
  checkIdentifier(key, 'table', at, notes)
  const primaryKey = names(value.get('primary_key'))
  const columns = (value.get('columns')?.entries ?? []).flatMap((it) => optional(readColumn(it, context)))
  const partitionBy = textOf(value.get('partition_by'))
  const indexes = (value.get('indexes')?.entries ?? []).map((it) => readIndex(it, notes))
  const expiry = readExpiry(key, value.get('expiry'), notes)
  // Of a column that is not there `expiry` is told, and not an index that nobody wrote.
  const expires = columns.some((it) => it.name === expiry?.column) ? expiry : undefined
  return notes.from(value, {
    name,
    owner: 'plan',
    columns: columns.map((it) => (primaryKey.includes(it.name) ? { ...it, notNull: true } : it)),
    primaryKey,
    unique: (value.get('unique')?.items ?? []).map(names),
    indexes: [...indexes, ...indexOnExpiry(key, expires, indexes, at)],
    references: (value.get('references')?.items ?? []).flatMap((it) => optional(readReference(it, context))),
    checks: names(value.get('checks')),
    ...(partitionBy !== undefined && { partitionBy: partitionBy.replace(/^\s*partition\s+by\s+/i, '') }),
    ...readPartitions(value.get('partitions')),
    ...(expiry && { expiry }),
    ...readHistory(key, value.get('audit'), notes),
    at,
  })
}

function readExpiry(table: string, node: YamlNode | undefined, notes: Notes): Expiry | undefined {
  const column = textOf(node?.get('column'))
  if (!node || column === undefined) return undefined
  const written = node.get('view')
  const view = textOf(written) ?? `${table}_live`
  checkIdentifier(view, 'view', (written ?? node).at, notes)
  return { column, view, sweep: textOf(node.get('sweep')) === 'pg_cron' ? 'pg_cron' : 'kvmig' }
}

function readHistory(
  table: string,
  node: YamlNode | undefined,
  notes: Notes,
): Pick<TableDefinition, 'history'> {
  if (!node || node.value === false) return {}
  const history = textOf(node) ?? shortened(table, '_history')
  checkIdentifier(history, 'table', node.at, notes)
  return { history }
}

// Without one every sweep would read the whole table.
function indexOnExpiry(
  table: string,
  expiry: Expiry | undefined,
  indexes: readonly IndexDefinition[],
  at: Position,
): readonly IndexDefinition[] {
  if (!expiry) return []
  const { column } = expiry
  const there = indexes.some((it) => plainColumn(it.columns[0] ?? '') === column && it.where === undefined)
  return there ? [] : [{ name: shortened(table, `_${column}_idx`), columns: [column], unique: false, at }]
}

const shortened = (table: string, end: string): string => {
  let name = table
  while (Buffer.byteLength(name + end) > 63) name = name.slice(0, -1)
  return name + end
}

function readPartitions(node: YamlNode | undefined): Pick<TableDefinition, 'partitions'> {
  const every = textOf(node?.get('every'))
  if (!node || every === undefined) return {}
  const from = textOf(node.get('from'))
  const ahead = node.get('ahead')?.value
  return {
    partitions: {
      // Held against the schema before.
      every: every as Partitions['every'],
      ...(from === undefined ? {} : { from }),
      ahead: typeof ahead === 'number' ? ahead : 3,
      ...(textOf(node.get('with')) === 'timescaledb' ? { with: 'timescaledb' } : {}),
    },
  }
}

/** `to: handles` means the primary key of handles: fills in its columns, now that all tables are known. */
export function withReferredKeys(
  tables: readonly TableDefinition[],
  all: readonly TableDefinition[],
  notes: Notes,
): readonly TableDefinition[] {
  const complete = (reference: Reference): Reference => {
    const node = notes.node(reference)
    const target = all.find((it) => sameTable(it.name, reference.to))
    if (reference.toColumns.length > 0 || !node || !target) return reference
    return notes.from(node, { ...reference, toColumns: target.primaryKey })
  }
  return tables.map((table) => {
    const node = notes.node(table)
    return node ? notes.from(node, { ...table, references: table.references.map(complete) }) : table
  })
}

const names = (node: YamlNode | undefined): readonly string[] =>
  (node?.items ?? []).flatMap((it) => optional(textOf(it)))

function readColumn(
  { key, at, value }: YamlEntry,
  { notes, enums }: TableContext,
): ColumnDefinition | undefined {
  checkIdentifier(key, 'column', at, notes)
  const source = textOf(value)
  if (source === undefined) return undefined
  const { column, problems } = parseColumn(source)
  notes.problems(value, problems)
  return column && { name: key, ...column, type: labelled(column.type, enums), at: value.at }
}

/** A type of the application that turns out to be an enum. */
export function labelled(type: ColumnType, enums: TableContext['enums']): ColumnType {
  const labels = type.base === 'other' ? enums.get(type.sql) : undefined
  return labels ? { ...type, base: 'enum', labels } : type
}

function readIndex({ key, at, value }: YamlEntry, notes: Notes): IndexDefinition {
  checkIdentifier(key, 'index', at, notes)
  const using = textOf(value.get('using'))
  const where = textOf(value.get('where'))
  return notes.from(value, {
    name: key,
    columns: names(value.kind === 'list' ? value : value.get('columns')),
    unique: value.get('unique')?.value === true,
    ...(using !== undefined && { using }),
    ...(where !== undefined && { where }),
    at,
  })
}

function readReference(node: YamlNode, { notes, targetSchema }: TableContext): Reference | undefined {
  const to = /^([^()]+)(?:\(([^()]+)\))?$/.exec(textOf(node.get('to')) ?? '')
  if (!to) return undefined
  const table = to[1]!.trim()
  checkIdentifier(table, 'table', node.get('to')!.at, notes)
  return notes.from(node, {
    columns: names(node.get('columns')),
    to: { schema: targetSchema, table },
    toColumns: to[2]?.split(',').map((it) => it.trim()) ?? [],
    // Held against the schema before.
    onDelete: (textOf(node.get('on_delete')) as Reference['onDelete'] | undefined) ?? 'no action',
    deferrable: node.get('deferrable')?.value === true,
    at: node.at,
  })
}
