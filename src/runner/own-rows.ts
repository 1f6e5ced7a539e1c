import type { CompiledMapping } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import { writerName } from '../state/trace.ts'
import { qualified } from '../target/ddl.ts'
import { decodeTuple } from '../target/decode-tuple.ts'
import { rowKeySql } from '../target/row-key.ts'
import { storedValues } from '../target/stage.ts'
import { openTableRows, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import { rebuildOrder } from './rebuild-order.ts'
import type { Session } from './session.ts'

/**
 * The rows that a mapping made: all of a table that nobody else fills, else those whose origin it is; those of all mappings, where it is
 * the layout in which the table's rows are written.
 */
export const readOwnRows = ({ target, compiled: project }: Session, compiled: CompiledMapping) => ({
  async count(): Promise<{ readonly rows: number; readonly others: number }> {
    return target.transaction(
      async (tx) => {
        const table = await open(tx, compiled)
        const { from, parameters } = await own(tx, table, compiled, project.tracked(table.name))
        const [found] = await tx.query(
          `SELECT (SELECT count(*) FROM ${from}) AS own, (SELECT count(*) FROM ${qualified(table.name)}) AS every`,
          parameters,
        )
        const rows = Number(found!.own)
        return { rows, others: Number(found!.every) - rows }
      },
      { readOnly: true },
    )
  },

  /** Gives them, sorted as `rebuildOrder` says, in chunks. A transaction that was cut off gives them again, from the first chunk. */
  async each(use: (rows: readonly Row[], isFirst: boolean) => Promise<void>): Promise<void> {
    await target.transaction(
      async (tx) => {
        const table = await open(tx, compiled)
        const { from, parameters } = await own(tx, table, compiled, project.tracked(table.name))
        const { by } = rebuildOrder(compiled)
        const order = by.length === 0 ? '' : ` ORDER BY ${by.join(', ')}`
        const types = table.wires.map((it) => it.wire)
        const select = `SELECT ${storedValues('t', table.wires)} FROM ${from}${order}`
        let isFirst = true
        for await (const tuples of tx.copyOut(select, parameters)) {
          for (let at = 0; at < tuples.length; at += AT_ONCE) {
            const rows = tuples.slice(at, at + AT_ONCE).map((it) => decodeTuple(types, it))
            await use(rows, isFirst)
            isFirst = false
          }
        }
      },
      { readOnly: true },
    )
  },
})

const AT_ONCE = 1000

const open = (tx: Transaction, { table, columns, keyIndexes }: CompiledMapping): Promise<TableRows> =>
  openTableRows(tx, { name: table.name, columns, keyIndexes })

async function own(
  tx: Transaction,
  table: TableRows,
  compiled: CompiledMapping,
  tracked: boolean,
): Promise<{ readonly from: string; readonly parameters: readonly unknown[] }> {
  if (!tracked) return { from: `${qualified(table.name)} t`, parameters: [] }
  const names = table.key.map((it) => it.name)
  const rowKey = await rowKeySql(tx, table.name, names, 't')
  return {
    from: `${qualified(table.name)} t JOIN kvmig.origin o ON o.target = $1 AND o.row_key = ${rowKey} AND o.state = 'stands'${compiled.mapping.write ? '' : ' AND o.writer = $2'}`,
    parameters: [showTable(table.name), ...(compiled.mapping.write ? [] : [writerName(compiled)])],
  }
}
