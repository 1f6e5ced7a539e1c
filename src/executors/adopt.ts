import type { CompiledProject } from '../mapping/compiled-project.ts'
import { showTable, type TableName } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { writerName } from '../state/trace.ts'
import { decodeKeyTuple } from '../target/decode-tuple.ts'
import { inspectTable } from '../target/inspect.ts'
import { scanKeys } from '../target/read-rows.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { openTableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'

/**
 * Writes down where the rows of a table came from, which until now could be computed: a second mapping is about to write it, and without
 * origins the rows of the first would look like the application's.
 */
export async function adoptRows(
  tx: Transaction,
  table: TableName,
  { plan, mapping }: { readonly plan: string; readonly mapping: string },
  { compiled, ledger }: { readonly compiled: CompiledProject; readonly ledger: Ledger },
): Promise<void> {
  if (!(await inspectTable(tx, table))) return
  const made = compiled.mapping(plan, mapping)
  const { columns, keyIndexes } = made
  const rows = await openTableRows(tx, { name: table, columns, keyIndexes })
  const wires = rows.keyWires.map((it) => it.wire)
  for await (const keys of scanKeys(tx, table, rows.keyWires)) {
    await ledger.origins.save(
      tx,
      showTable(table),
      keys.flatMap((it) => {
        const record = made.sourceOf?.(decodeKeyTuple(wires, it))
        return record
          ? [
              {
                row: rowKeyOf(it),
                writer: writerName(made),
                ...record,
                state: 'stands',
                existed: false,
              } as const,
            ]
          : []
      }),
    )
  }
}
