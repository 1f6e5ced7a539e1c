import type { TableDefinition } from '../table.ts'
import { showTable } from '../table.ts'
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
  const { partitions, partitionBy, columns, name } = table
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
  }
  if (Buffer.byteLength(name.table) > LONGEST_NAME)
    notes.error(
      'KV054',
      at,
      `The name ${showTable(name)} is too long for the names of its partitions, which add a date.`,
      `It may have ${LONGEST_NAME} bytes.`,
    )
}

/** The one column of `range (created_at)`. */
export const partitionColumn = (partitionBy: string | undefined): string | undefined =>
  /^\s*range\s*\(\s*"?([A-Za-z_]\w*)"?\s*\)\s*$/i.exec(partitionBy ?? '')?.[1]

const TIMES: ReadonlySet<string> = new Set(['timestamptz', 'timestamp', 'date'])
// 63, less "_p20260101".
const LONGEST_NAME = 53
