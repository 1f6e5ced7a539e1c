import type { Mapping, Merge } from '../plan.ts'
import { sameTable, showTable, type TableDefinition } from '../table.ts'
import { filledColumns, findTable, hasColumn, type LintScope, mappings } from './scope.ts'
import { noColumn } from './tables.ts'

/** What `merge` says of a table can be done and is said in one way, and at most one mapping of a table is the layout that is written. */
export function merges(scope: LintScope): void {
  const said = new Map<string, { readonly by: string; readonly at: string }>()
  const written = new Set<string>()
  for (const { mapping } of mappings(scope)) {
    const table = findTable(scope, mapping.into)
    if (!table) continue
    for (const merge of mapping.merge ?? []) checkMerge(merge, mapping, { table, said, scope })
    checkWrite(mapping, written, scope)
  }
  checkPlans(scope)
}

interface Of {
  readonly table: TableDefinition
  /** What was said of a column, and where. */
  readonly said: Map<string, { readonly by: string; readonly at: string }>
  readonly scope: LintScope
}

function checkMerge({ column }: Merge, mapping: Mapping, { table, said, scope }: Of): void {
  const { notes } = scope
  // The mapping may have it from another one, which is asked for itself.
  const entry = notes.node(mapping, 'merge')?.entries.find((it) => it.key === column)
  if (!entry) return
  const by = String(entry.value.value)
  const at = `${entry.at.file}:${entry.at.line}:${entry.at.column}`
  const name = `${showTable(table.name)}.${column}`
  const known = said.get(name)
  if (known?.at === at) return
  if (known && known.by !== by)
    notes.error(
      'KV055',
      entry.at,
      `Another mapping into ${showTable(table.name)} merges "${column}" by ${known.by}.`,
      'Say it once: it holds for all mappings into the table.',
    )
  said.set(name, { by, at })
  const definition = table.columns.find((it) => it.name === column)
  if (!hasColumn(scope, table, column)) {
    notes.error('KV043', entry.at, ...noColumn(table, column))
    return
  }
  if (mapping.key.includes(column))
    notes.error('KV055', entry.at, `"${column}" is a part of the key, and records that meet have the same.`)
  const fillers = mappings(scope).filter(
    (it) =>
      sameTable(it.mapping.into, mapping.into) &&
      filledColumns(scope, it.mapping).some(({ key }) => key === column),
  )
  if (fillers.length === 0)
    notes.error('KV055', entry.at, `No mapping fills "${column}", so there is nothing to merge.`)
  if (!definition || by === 'coalesce') return
  const { base, array, sql } = definition.type
  const isFit = !array && (by === 'sum' ? NUMBERS : [...NUMBERS, ...ORDERED]).includes(base)
  if (!isFit)
    notes.error(
      'KV055',
      entry.at,
      `Values of type ${sql}${array ? '[]' : ''} have no ${by === 'sum' ? 'sum' : 'order'}.`,
      by === 'sum'
        ? 'A sum is of integers or numeric.'
        : 'coalesce takes the first that is there, in the order of the file.',
    )
}

const NUMBERS: readonly string[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']
const ORDERED: readonly string[] = [
  'boolean',
  'timestamptz',
  'timestamp',
  'date',
  'text',
  'varchar',
  'char',
  'uuid',
  'bytea',
  'enum',
]

function checkWrite(mapping: Mapping, written: Set<string>, { notes }: LintScope): void {
  if (!mapping.write) return
  const table = showTable(mapping.into)
  if (written.has(table))
    notes.error(
      'KV056',
      notes.at(mapping, 'write'),
      `Another mapping into ${table} says write: true.`,
      'A row is written in one layout.',
    )
  written.add(table)
}

/** Plans that fill one table merge it in the same way: each row is made of all of them. */
function checkPlans(scope: LintScope): void {
  const all = mappings(scope)
  for (const [place, { plan, mapping }] of all.entries()) {
    const other = all
      .slice(0, place)
      .find((it) => it.plan !== plan && sameTable(it.mapping.into, mapping.into))
    if (!other || textOf(other.mapping) === textOf(mapping)) continue
    scope.notes.error(
      'KV055',
      scope.notes.at(mapping, 'merge'),
      `Plan ${other.plan.name} fills ${showTable(mapping.into)} too, and merges it in another way.`,
      'Say the same merge: in both plans.',
    )
    return
  }
}

const textOf = ({ merge = [] }: Mapping): string => JSON.stringify(merge)
