import type { CompiledMapping } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import { writerName } from '../state/trace.ts'
import { qualified, quote } from '../target/ddl.ts'
import { textArray } from '../target/parameters.ts'
import { rowKeySql } from '../target/row-key.ts'
import { storedValues } from '../target/stage.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'

/**
 * The rows that mappings have in a table (their key tuples, where no columns are named): all of a table that only kvmig fills, else those with an origin. Rows that had
 * expired by then (milliseconds since 1970; `now`: the database's clock and a little more) are left out: the source lets go of their keys
 * by itself.
 */
export async function* ownRows(
  tx: Transaction,
  rows: TableRows,
  {
    mappings,
    tracked,
    expired,
    columns = rows.keyWires,
  }: {
    readonly mappings: readonly CompiledMapping[]
    readonly tracked: boolean
    readonly expired: number | 'now'
    readonly columns?: TableRows['wires'] | undefined
  },
): AsyncIterable<readonly Buffer[]> {
  const moment =
    expired === 'now' ? `clock_timestamp() + interval '${SKEW}'` : `to_timestamp(${expired} / 1000.0)`
  const writers = mappings.map((it) => ({ name: writerName(it), column: expiryColumn(it) }))
  const parameters: unknown[] = []
  const gone = writers.flatMap(({ name, column }) => {
    if (column === undefined) return []
    const isWriters = tracked ? `o.writer = $${parameters.push(name)} AND ` : ''
    return [`(${isWriters}t.${quote(column)} <= ${moment})`]
  })
  const alive = gone.length === 0 ? 'true' : `(${gone.join(' OR ')}) IS NOT TRUE`
  const values = storedValues('t', columns)
  if (!tracked) {
    yield* tx.copyOut(`SELECT ${values} FROM ${qualified(rows.name)} t WHERE ${alive}`)
    return
  }
  const rowKey = await rowKeySql(
    tx,
    rows.name,
    rows.key.map((it) => it.name),
    't',
  )
  const target = parameters.push(showTable(rows.name))
  const named = parameters.push(textArray(writers.map((it) => it.name)))
  yield* tx.copyOut(
    `SELECT ${values} FROM ${qualified(rows.name)} t JOIN kvmig.origin o ON o.target = $${target} AND o.row_key = ${rowKey}
      WHERE o.writer = ANY ($${named}::text[]) AND o.state = 'stands' AND ${alive}`,
    parameters,
  )
}

/** Clocks of a store and of the target may differ so much. */
const SKEW = '5 seconds'

/** The column that takes the key's expiry as it is. */
const expiryColumn = ({ mapping: { fields }, columns }: CompiledMapping): string | undefined =>
  fields.find(
    ({ column, expression }) =>
      expression.kind === 'root' &&
      expression.root === 'expires_at' &&
      columns.some(
        (it) => it.name === column && !it.type.array && ['timestamptz', 'timestamp'].includes(it.type.base),
      ),
  )?.column
