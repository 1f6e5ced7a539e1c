import type { TableDefinition } from '../table.ts'
import { partitionColumn, showTable } from '../table.ts'
import type { LintScope } from './scope.ts'
import { noColumn } from './tables.ts'

/** What a table says about expired rows and partitions can be done. */
export function upkeep(scope: LintScope): void {
  for (const plan of scope.plans)
    for (const table of plan.tables) {
      checkExpiry(table, scope)
      checkPartitions(table, scope)
    }
}

function checkExpiry(table: TableDefinition, { notes }: LintScope): void {
  const { expiry, columns } = table
  if (!expiry) return
  const at = notes.at(table, 'expiry', 'column')
  const column = columns.find((it) => it.name === expiry.column)
  if (!column) notes.error('KV043', at, ...noColumn(table, expiry.column))
  else if (column.type.base !== 'timestamptz' || column.type.array)
    notes.error(
      'KV053',
      at,
      `The column "${column.name}" is ${column.type.sql}: when a row expires is a moment.`,
      'Make it timestamptz, filled from $expires_at or from a time in the record.',
    )
}

function checkPartitions(table: TableDefinition, { notes }: LintScope): void {
  const { partitions, partitionBy, primaryKey, unique, columns, name } = table
  if (!partitions) return
  const at = notes.at(table, 'partitions')
  const by = partitionColumn(partitionBy)
  const column = columns.find((it) => it.name === by)
  if (by === undefined || !column) {
    notes.error(
      'KV054',
      at,
      `Partitions by ${partitions.every} want a table that is partitioned by the range of one of its columns.`,
      'Write partition_by: range (created_at).',
    )
  } else if (!TIMES.has(column.type.base) || column.type.array) {
    notes.error(
      'KV054',
      at,
      `The column "${column.name}" is ${column.type.sql}, and partitions by ${partitions.every} want a time.`,
      'It has to be timestamptz, timestamp or date.',
    )
  } else if (
    partitions.with &&
    [primaryKey, ...unique].some((it) => it.length > 0 && !it.includes(column.name))
  ) {
    notes.error(
      'KV054',
      at,
      `TimescaleDB keeps nothing unique without the column "${column.name}", by which it divides the table.`,
      `Add ${column.name} to the primary key and to what is unique.`,
    )
  }
  if (Buffer.byteLength(name.table) > LONGEST_NAME)
    notes.error(
      'KV054',
      at,
      `The name ${showTable(name)} is too long for the names of its partitions, which add a date.`,
      `It may have ${LONGEST_NAME} bytes.`,
    )
}

const TIMES: ReadonlySet<string> = new Set(['timestamptz', 'timestamp', 'date'])
// 63, less "_p20260101".
const LONGEST_NAME = 53
