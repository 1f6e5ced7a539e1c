import type { CompiledMapping } from '../mapping/mapping.ts'
import type { ColumnDefinition, TableName } from '../plan/table.ts'
import { showTable } from '../plan/table.ts'
import { type Codec, createCodec } from '../target/codec.ts'
import { type ForeignKeyFacts, inspectTable } from '../target/inspect.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { TargetError } from '../errors.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'

/** What loading and comparing need to know of a mapping's table, looked up once a pass. */
export interface LoadTable {
  readonly name: TableName
  readonly columns: readonly ColumnDefinition[]
  readonly columnNames: readonly string[]
  readonly key: readonly ColumnDefinition[]
  /** Places of the key's columns in `columns`. */
  readonly keyIndexes: readonly number[]
  /** Are origins kept? See `CompiledProject.tracked`. */
  readonly tracked: boolean
  /** Foreign keys that are there already. */
  readonly references: readonly ForeignKeyFacts[]
  /** Has it a column of a type that kvmig has no codec for? Then every row goes through the stage. */
  readonly staged: boolean
  /** The row as binary COPY has it. */
  readonly codec: Codec
  readonly keyCodec: Codec
  /** 16 bytes that stand for the row's key. */
  rowKey(row: Row): Buffer
}

export async function openLoadTable(tx: Transaction, compiled: CompiledMapping, tracked: boolean): Promise<LoadTable> {
  const { columns, keyIndexes } = compiled
  const { name } = compiled.table
  const facts = await inspectTable(tx, name)
  if (!facts) throw new TargetError('TABLE_MISSING', `Table ${showTable(name)} is not there.`, { hint: 'Apply phase A, which creates it.' })
  const key = keyIndexes.map((it) => columns[it]!)
  const codec = await createCodec(tx, name, columns)
  const keyCodec = await createCodec(tx, name, key)
  return {
    name,
    columns,
    columnNames: columns.map((it) => it.name),
    key,
    keyIndexes,
    tracked,
    references: facts.foreignKeys,
    staged: columns.some((it) => it.type.base === 'other'),
    codec,
    keyCodec,
    rowKey: (row) => rowKeyOf(keyCodec.encode(keyIndexes.map((it) => row[it]!))),
  }
}
