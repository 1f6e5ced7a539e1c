import type { CompiledMapping } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import { writerName } from '../state/trace.ts'
import { qualified, quote } from '../target/ddl.ts'
import { textArray } from '../target/parameters.ts'
import { rowKeySql } from '../target/row-key.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'

/** SQL behind FROM, with the rows of the table as `t`, and its parameters. */
export interface OwnRows {
  readonly from: string
  readonly parameters: readonly unknown[]
}

/**
 * The rows that mappings have in a table: all of a table that only kvmig fills, else those with an origin. Rows that had expired by then
 * (milliseconds since 1970; `now`: the database's clock and a little more) are left out: the source lets go of their keys by itself.
 */
export async function ownRows(
  tx: Transaction,
  rows: TableRows,
  {
    mappings,
    tracked,
    expired,
  }: {
    readonly mappings: readonly CompiledMapping[]
    readonly tracked: boolean
    readonly expired: number | 'now'
  },
): Promise<OwnRows> {
  const moment =
    expired === 'now' ? `clock_timestamp() + interval '${SKEW}'` : `to_timestamp(${expired} / 1000.0)`
  const writers = mappings.map((it) => ({ name: writerName(it), columns: expiryColumns(it) }))
  const parameters: unknown[] = []
  const gone = writers.flatMap(({ name, columns }) =>
    columns.map((column) => {
      const isWriters = tracked ? `o.writer = $${parameters.push(name)} AND ` : ''
      return `(${isWriters}t.${quote(column)} <= ${moment})`
    }),
  )
  const alive = gone.length === 0 ? 'true' : `(${gone.join(' OR ')}) IS NOT TRUE`
  if (!tracked) return { from: `${qualified(rows.name)} t WHERE ${alive}`, parameters }
  const rowKey = await rowKeySql(
    tx,
    rows.name,
    rows.key.map((it) => it.name),
    't',
  )
  const target = parameters.push(showTable(rows.name))
  const named = parameters.push(textArray(writers.map((it) => it.name)))
  return {
    from: `${qualified(rows.name)} t JOIN kvmig.origin o ON o.target = $${target} AND o.row_key = ${rowKey}
      WHERE o.writer = ANY ($${named}::text[]) AND o.state = 'stands' AND ${alive}`,
    parameters,
  }
}

/** Clocks of a store and of the target may differ so much. */
const SKEW = '5 seconds'

/** The columns that take the expiry of the key, or of the field, as it is. */
const expiryColumns = ({ mapping: { fields }, columns }: CompiledMapping): readonly string[] =>
  fields
    .filter(
      ({ column, expression }) =>
        expression.kind === 'root' &&
        ['expires_at', 'field_expires_at'].includes(expression.root) &&
        columns.some(
          (it) => it.name === column && !it.type.array && ['timestamptz', 'timestamp'].includes(it.type.base),
        ),
    )
    .map((it) => it.column)
