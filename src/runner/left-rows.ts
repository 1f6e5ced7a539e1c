import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { ENTRY_TYPES } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import { writerName } from '../state/trace.ts'
import { qualified } from '../target/ddl.ts'
import { decodeKeyTuple } from '../target/decode-tuple.ts'
import { scanKeys } from '../target/read-rows.ts'
import { rowKeySql } from '../target/row-key.ts'
import { openTableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Session } from './session.ts'

/** A row that came from a key. */
export interface LeftRow {
  readonly table: string
  readonly part: Part
}

/**
 * Rows that came from a key which the source does not have any more: by their origins where those are kept, else by what their own keys
 * say. Reads the keys of every table that the key could have given rows to.
 */
export async function leftRows(
  { compiled, ledger, target }: Session,
  source: string,
  key: Buffer,
): Promise<readonly LeftRow[]> {
  const mappings = new Set(
    ENTRY_TYPES.flatMap((type) => compiled.router(source).route(key, type)).flatMap((it) =>
      it.kind === 'mappings' ? it.mappings : [],
    ),
  )
  const isInstalled = await ledger.installed()
  const found: LeftRow[] = []
  for (const mapping of mappings) {
    const { name } = mapping.table
    const isTracked = compiled.tracked(name)
    if (isTracked && !isInstalled) continue
    const parts = await target.transaction(
      (tx) => (isTracked ? byOrigin(tx, mapping, key) : byRow(tx, mapping, key)),
      { readOnly: true, statementMillis: 0 },
    )
    found.push(...parts.map((part) => ({ table: showTable(name), part })))
  }
  return found
}

async function byOrigin(tx: Transaction, mapping: CompiledMapping, key: Buffer): Promise<readonly Part[]> {
  const { table, columns, keyIndexes } = mapping
  if (!(await isThere(tx, mapping))) return []
  const rowKey = await rowKeySql(
    tx,
    table.name,
    keyIndexes.map((it) => columns[it]!.name),
    't',
  )
  // What had been the application's before stays its own.
  const rows = await tx.query(
    `SELECT o.part FROM ${qualified(table.name)} t JOIN kvmig.origin o ON o.target = $1 AND o.row_key = ${rowKey}
      WHERE o.key = $2 AND o.writer = $3 AND o.state = 'stands' AND NOT o.existed ORDER BY o.part`,
    [showTable(table.name), key, writerName(mapping)],
  )
  return rows.map((it) => Buffer.from(it.part!.slice(2), 'hex').toString())
}

async function byRow(tx: Transaction, mapping: CompiledMapping, key: Buffer): Promise<readonly Part[]> {
  const { table, columns, keyIndexes, sourceOf } = mapping
  if (!sourceOf || !(await isThere(tx, mapping))) return []
  const { keyWires } = await openTableRows(tx, { name: table.name, columns, keyIndexes })
  const wires = keyWires.map((it) => it.wire)
  const parts: Part[] = []
  for await (const tuples of scanKeys(tx, table.name, keyWires)) {
    for (const tuple of tuples) {
      const record = sourceOf(decodeKeyTuple(wires, tuple))
      if (record?.key.equals(key)) parts.push(record.part)
    }
  }
  return parts
}

const isThere = async (tx: Transaction, { table: { name } }: CompiledMapping): Promise<boolean> => {
  const [row] = await tx.query(
    'SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
    [name.schema, name.table],
  )
  return row !== undefined
}
