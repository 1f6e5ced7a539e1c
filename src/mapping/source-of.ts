import type { Mapping } from '../plan/plan.ts'
import type { BaseType, ColumnDefinition } from '../plan/table.ts'
import type { Row, Value } from '../value.ts'
import { fromCell } from './from-cell.ts'
import { type Lineage, partsOf } from './lineage.ts'
import type { Part } from './mapping.ts'
import { keyFrom, textOf } from './text-of.ts'

/** The record that a row came from: its key in the source, and its part of the entry. */
export interface RecordPlace {
  readonly key: Buffer
  readonly part: Part
}

/**
 * Computes the record from the cells of the row's key (in the order of `mapping.key`), for an injective mapping. Undefined where a cell of
 * the key cannot be read back from its bytes alone; then origins are kept.
 */
export function compileSourceOf({
  mapping,
  columns,
  lineages,
}: {
  readonly mapping: Mapping
  readonly columns: readonly ColumnDefinition[]
  readonly lineages: readonly Lineage[]
}): ((keyCells: Row) => RecordPlace) | undefined {
  const readers = new Map<string, (cells: Row) => Value>()
  for (const [place, name] of mapping.key.entries()) {
    const index = columns.findIndex((it) => it.name === name)
    const [column, lineage] = [columns[index]!, lineages[index]!]
    if (column.type.array || !READABLE.has(column.type.base)) return undefined
    const cellToValue = fromCell(column.type)
    for (const { root, path, back } of partsOf(lineage))
      if (back && path.length === 0) readers.set(root, (cells) => back(cellToValue(cells[place]!)))
  }
  const read = (cells: Row) => (root: string) => readers.get(root)?.(cells)
  return (cells) => ({ key: keyFrom(mapping.match, read(cells)), part: partOf(mapping, read(cells)) })
}

const READABLE: ReadonlySet<BaseType> = new Set<BaseType>([
  'text',
  'varchar',
  'enum',
  'smallint',
  'integer',
  'bigint',
  'date',
  'bytea',
])

function partOf({ each }: Mapping, read: (root: string) => Value): Part {
  const named = (root: string, word: string): Part[] => {
    const value = read(root)
    return value === undefined || value === null ? [] : [`${word}:${textOf(value)}`]
  }
  switch (each?.kind) {
    case undefined:
      return ''
    case 'field':
      return named('field', 'field').join()
    case 'item':
      return named('index', 'index').join()
    case 'message':
      return named('message', 'message').join()
    case 'member':
      return named('value', 'member').join()
    case 'path':
      return [...named('name', 'field'), ...named('index', 'index')].join('/')
  }
}
