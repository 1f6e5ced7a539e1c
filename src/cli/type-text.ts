import { acceptedType } from '../mapping/accepted-types.ts'
import { groupOf } from '../mapping/group.ts'
import { isManyRows } from '../mapping/many-rows.ts'
import { type Mapping, mappingsOf, type Plan, type Project } from '../plan/plan.ts'
import { type BaseType, type ColumnDefinition, showTable, type TableDefinition } from '../plan/table.ts'

/** The TypeScript of a project: what `store()` of each plan takes and gives, and every table for Kysely. Same plans, same text. */
export function typeText({ plans, targetSchema }: Project): string {
  const tables = new Map(plans.flatMap((it) => it.tables).map((it) => [showTable(it.name), it]))
  const stores = plans
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((plan) => storeOf(plan, tables) ?? [])
  const shown = [...tables.values()]
    .map((it) => ({
      ...it,
      label: it.name.schema === targetSchema ? it.name.table : `${it.name.schema}.${it.name.table}`,
    }))
    .sort((a, b) => (a.label < b.label ? -1 : 1))
  return [
    '// Written by `kvmig types`: do not edit.',
    `import type { Generated } from '${KYSELY}'`,
    `import 'kvmig/runtime'`,
    '',
    `declare module 'kvmig/runtime' {`,
    '  interface Plans {',
    ...stores.map((it) => indented(it, '    ')),
    '  }',
    '}',
    '',
    '/** For `new Kysely<Database>(…)` over pg, whose own conversions hold there. */',
    'export interface Database {',
    ...shown.map((it) => indented(kyselyOf(it, it.label), '  ')),
    '}',
    '',
  ].join('\n')
}

/** A package of the application's, not of this folder. */
const KYSELY = 'kysely'

/** A plan with one mapping has one kind of row; of several, the application names the mapping. */
function storeOf(plan: Plan, tables: ReadonlyMap<string, TableDefinition>): string | undefined {
  const kinds = mappingsOf(plan).flatMap((mapping) => {
    const table = tables.get(showTable(mapping.into))
    if (isManyRows(plan, mapping)) return [{ mapping, lines: [`  entry: ${entryOf(mapping)}`] }]
    return table ? [{ mapping, lines: rowsOf(mapping, table) }] : []
  })
  const [only, ...others] = kinds
  if (!only) return undefined
  const isOneEntry = isManyRows(plan, only.mapping) && groupOf(plan, only.mapping).length === kinds.length
  if (isOneEntry) return [`${name(plan.name)}: {`, ...only.lines, '}'].join('\n')
  if (others.length === 0) return [`${name(plan.name)}: {`, ...only.lines, '}'].join('\n')
  const each = kinds.flatMap(({ mapping, lines }) => [
    `    ${name(mapping.name)}: {`,
    ...lines.map((it) => indented(it, '    ')),
    '    }',
  ])
  return [`${name(plan.name)}: {`, '  mappings: {', ...each, '  }', '}'].join('\n')
}

/** As in docs/runtime.md, "Entries": the key by its captures, and the value as the store takes and gives it. */
function entryOf(mapping: Mapping): string {
  const captures = mapping.match.parts.flatMap((it) => (it.kind === 'capture' ? [it.name] : []))
  const key = captures.length === 0 ? '{}' : `{ ${captures.map((it) => `${name(it)}: string`).join('; ')} }`
  const isJson = mapping.decode.length > 0
  const element = isJson ? 'unknown' : 'string'
  const values: Partial<Record<string, string>> = {
    string: isJson ? 'Record<string, unknown>' : 'string',
    list: `readonly ${element}[]`,
    set: `readonly ${element}[]`,
    hash: `Record<string, ${element}>`,
    zset: 'Record<string, number>',
  }
  return `{ key: ${key}; value: ${values[acceptedType(mapping) ?? ''] ?? 'unknown'} }`
}

function rowsOf(mapping: Mapping, table: TableDefinition): readonly string[] {
  const columns = mapping.fields.map((field) => table.columns.find((it) => it.name === field.column)!)
  const isKey = (it: ColumnDefinition) => mapping.key.includes(it.name)
  const isRequired = (it: ColumnDefinition) => it.notNull || isKey(it) || table.primaryKey.includes(it.name)
  const row = columns.map((it) => `${name(it.name)}: ${outOf(it)}${isRequired(it) ? '' : ' | null'}`)
  const key = columns.filter(isKey).map((it) => `${name(it.name)}: ${into(it)}`)
  // What a mapping has a default for may be left out, and only the mapping knows.
  const input = columns.map((it) =>
    isKey(it)
      ? `${name(it.name)}: ${into(it)}`
      : `${name(it.name)}?: ${into(it)}${isRequired(it) ? '' : ' | null'}`,
  )
  return Object.entries({ row, key, input }).map(([part, list]) => `  ${part}: { ${list.join('; ')} }`)
}

function kyselyOf({ columns, primaryKey }: TableDefinition, label: string): string {
  const lines = columns.map((it) => {
    const type = `${kyselyType(it)}${it.notNull || primaryKey.includes(it.name) ? '' : ' | null'}`
    const isMade = it.default !== undefined || it.identity || it.generated
    return `  ${name(it.name)}: ${isMade ? `Generated<${type}>` : type}`
  })
  return [`${name(label)}: {`, ...lines, '}'].join('\n')
}

/** As in docs/runtime.md, "Values". */
const RUNTIME: Readonly<Record<BaseType, readonly [out: string, into: string]>> = {
  text: ['string', 'string'],
  varchar: ['string', 'string'],
  char: ['string', 'string'],
  uuid: ['string', 'string'],
  enum: ['string', 'string'],
  other: ['string', 'string'],
  smallint: ['number', 'number'],
  integer: ['number', 'number'],
  real: ['number', 'number'],
  'double precision': ['number', 'number'],
  bigint: ['bigint', 'bigint | number'],
  numeric: ['string', 'string | number'],
  boolean: ['boolean', 'boolean'],
  timestamptz: ['string', 'string | Date'],
  timestamp: ['string', 'string | Date'],
  date: ['string', 'string'],
  json: ['unknown', 'unknown'],
  jsonb: ['unknown', 'unknown'],
  bytea: ['Buffer', 'Uint8Array'],
  vector: ['number[]', 'readonly number[]'],
}

/** What the driver pg makes of a type, unless the application says otherwise. */
const PG: Readonly<Partial<Record<BaseType, string>>> = {
  bigint: 'string',
  timestamptz: 'Date',
  timestamp: 'Date',
  date: 'Date',
  vector: 'string',
}

const labelsOf = ({ type }: ColumnDefinition): string | undefined =>
  type.labels?.map((it) => `'${it.replace(/[\\']/g, '\\$&')}'`).join(' | ')

const outOf = (column: ColumnDefinition): string =>
  listed(column, labelsOf(column) ?? RUNTIME[column.type.base][0])
const into = (column: ColumnDefinition): string =>
  listed(column, labelsOf(column) ?? RUNTIME[column.type.base][1])
const kyselyType = (column: ColumnDefinition): string =>
  listed(column, labelsOf(column) ?? PG[column.type.base] ?? RUNTIME[column.type.base][0])

const listed = ({ type }: ColumnDefinition, element: string): string =>
  type.array ? `(${element} | null)[]` : element

const name = (it: string): string => (/^[A-Za-z_$][\w$]*$/.test(it) ? it : JSON.stringify(it))

const indented = (text: string, by: string): string =>
  text
    .split('\n')
    .map((it) => by + it)
    .join('\n')
