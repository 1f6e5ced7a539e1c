import { showTable } from '../plan/table.ts'
import { decodeKeyTuple } from '../target/decode-tuple.ts'
import { rowKeyOf } from '../target/row-key.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import type { Ledger } from './ledger.ts'

/** The record that a row came from. */
export interface Traced {
  readonly plan: string
  readonly mapping: string
  readonly key: Buffer
  readonly part: string
}

/** What tracing needs of a compiled mapping. */
export interface Traceable {
  readonly plan: string
  readonly mapping: { readonly name: string }
  /** Computes the record from the cells of the row's key; absent where that cannot be done. */
  sourceOf?(keyCells: Row): { readonly key: Buffer; readonly part: string } | undefined
}

/** Under which name the ledger knows a mapping as the writer of rows: names of mappings are only different within a plan. */
export const writerName = ({ plan, mapping }: Pick<Traceable, 'plan' | 'mapping'>): string =>
  `${plan}/${mapping.name}`

/**
 * Where rows came from, by the binary tuples of their keys: from the ledger where origins are kept, else computed. Undefined: the row is
 * not kvmig's.
 */
export async function trace(
  tx: Transaction,
  keyTuples: readonly Buffer[],
  table: TableRows,
  writers: readonly Traceable[],
  ledger: Ledger,
  tracked: boolean,
): Promise<readonly (Traced | undefined)[]> {
  if (tracked) {
    const origins = await ledger.origins.find(tx, showTable(table.name), keyTuples.map(rowKeyOf))
    // A row that was there before stays the application's, also after an update.
    return origins.map((origin) => (origin && !origin.existed ? tracedTo(origin, writers) : undefined))
  }
  const writer = writers[0]
  return keyTuples.map((tuple) => {
    const record = writer?.sourceOf?.(
      decodeKeyTuple(
        table.keyWires.map((it) => it.wire),
        tuple,
      ),
    )
    return record && writer && { plan: writer.plan, mapping: writer.mapping.name, ...record }
  })
}

/** The record that the ledger remembers, if its writer is one of these. */
export function tracedTo(
  { writer, key, part }: { readonly writer: string; readonly key: Buffer; readonly part: string },
  writers: readonly Traceable[],
): Traced | undefined {
  const found = writers.find((it) => writerName(it) === writer)
  return found && { plan: found.plan, mapping: found.mapping.name, key, part }
}
