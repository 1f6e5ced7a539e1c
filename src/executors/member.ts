import { tupleFields } from '../target/codec.ts'
import type { TableRows } from '../target/table-rows.ts'
import { compareRanks } from './rank.ts'
import type { CompareRank, Member } from './resolve.ts'

/** What a row has in each column, from its tuple. */
export function cellsOf({ columnNames }: TableRows, tuple: Buffer): Member['cells'] {
  const fields = tupleFields(tuple)
  return new Map(columnNames.map((name, place) => [name, fields[place]!]))
}

/** The key's fields of a row's tuple, as a tuple. */
export function keyTupleOf({ keyIndexes }: Pick<TableRows, 'keyIndexes'>, tuple: Buffer): Buffer {
  const fields = tupleFields(tuple)
  const key = keyIndexes.map((it) => fields[it]!)
  const made = Buffer.allocUnsafe(2 + key.reduce((sum, it) => sum + 4 + (it?.length ?? 0), 0))
  let at = made.writeInt16BE(key.length, 0)
  for (const field of key) {
    at = made.writeInt32BE(field?.length ?? -1, at)
    if (field) at += field.copy(made, at)
  }
  return made
}

/** Compares values of a table's columns. */
export function rankOf({ columns }: Pick<TableRows, 'columns'>): CompareRank {
  return (name, a, b) => {
    const column = columns.find((it) => it.name === name)
    return column && compareRanks(column.type, a, b)
  }
}
