import type { ColumnType, TableDefinition } from '../plan/table.ts'
import type { ColumnFacts, TableFacts } from './inspect.ts'

/** How a table differs from its definition, in words; empty where all that kvmig relies on is as declared. More than declared may be there. */
export function drift(definition: TableDefinition, facts: TableFacts): readonly string[] {
  const there = new Map(facts.columns.map((it) => [it.name, it]))
  return [
    ...definition.columns.flatMap((column) => {
      const found = there.get(column.name)
      return found ? columnDrift(column.name, column, found) : [`column ${column.name} is not there`]
    }),
    ...facts.columns
      .filter((it) => it.notNull && it.default === undefined && !it.generated && it.identity === undefined)
      .filter((it) => !definition.columns.some((column) => column.name === it.name))
      .map((it) => `column ${it.name} wants a value, and is not declared`),
    ...(definition.primaryKey.length > 0 && !sameNames(definition.primaryKey, facts.primaryKey)
      ? [`the primary key is (${facts.primaryKey.join(', ')}), not (${definition.primaryKey.join(', ')})`]
      : []),
    ...definition.unique
      .filter((columns) => ![facts.primaryKey, ...facts.unique].some((it) => sameNames(columns, it)))
      .map((columns) => `nothing makes (${columns.join(', ')}) unique`),
    ...(facts.kind === 'view' ? ['it is a view'] : []),
    ...(facts.unlogged ? ['it is UNLOGGED: a crash of the server would empty it'] : []),
  ]
}

function columnDrift(
  name: string,
  wanted: { readonly type: ColumnType; readonly notNull: boolean },
  found: ColumnFacts,
): readonly string[] {
  return [
    ...(sameType(wanted.type, found.type)
      ? []
      : [`column ${name} is ${show(found.type)}, not ${show(wanted.type)}`]),
    ...(found.notNull && !wanted.notNull && found.default === undefined
      ? [`column ${name} is NOT NULL`]
      : []),
  ]
}

const sameType = (a: ColumnType, b: ColumnType): boolean =>
  a.base === b.base &&
  a.array === b.array &&
  a.length === b.length &&
  a.precision === b.precision &&
  (a.scale ?? 0) === (b.scale ?? 0) &&
  (a.fraction ?? 6) === (b.fraction ?? 6) &&
  a.dimensions === b.dimensions

const show = (type: ColumnType): string => `${type.sql}${type.array ? '[]' : ''}`

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((it) => b.includes(it))
