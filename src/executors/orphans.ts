import { KvmigError } from '../errors.ts'
import type { ForeignKeyStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { trace } from '../state/trace.ts'
import { qualified, quote } from '../target/ddl.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { openTableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Context } from './executor.ts'

/** Rows taken out by one statement. */
const CHUNK = 5_000

/**
 * Takes rows whose reference points at nothing out of the table, and puts the records they came from into the quarantine. Goes on until
 * there are none, because a row that goes may have been the parent of another of the same table.
 */
export async function quarantineOrphans(tx: Transaction, step: ForeignKeyStep, context: Context): Promise<number> {
  const { table, reference } = step
  const mappings = context.compiled.writers(table)
  const first = mappings[0]
  if (!first) return 0
  const rows = await openTableRows(tx, { name: table, columns: first.columns, keyIndexes: first.keyIndexes })
  const given = reference.columns.map((it) => `t.${quote(it)} IS NOT NULL`).join(' AND ')
  const match = reference.columns.map((it, place) => `p.${quote(reference.toColumns[place]!)} = t.${quote(it)}`).join(' AND ')
  const orphaned = `SELECT t.ctid FROM ${qualified(table)} t WHERE ${given} AND NOT EXISTS (SELECT FROM ${qualified(reference.to)} p WHERE ${match}) LIMIT ${CHUNK}`
  const key = rows.key.map((it) => quote(it.name)).join(', ')
  let total = 0
  for (;;) {
    const tuples: Buffer[] = []
    const remove = `DELETE FROM ${qualified(table)} WHERE ctid = ANY (ARRAY(${orphaned})) RETURNING ${key}`
    for await (const chunk of tx.copyOut(remove)) tuples.push(...chunk)
    if (tuples.length === 0) return total
    total += tuples.length
    const tracked = context.compiled.tracked(table)
    const records = await trace(tx, tuples, rows, mappings, context.ledger, tracked)
    if (tracked) await context.ledger.origins.remove(tx, showTable(table), tuples.map(rowKeyOf))
    await context.ledger.quarantine.add(
      tx,
      records.map((record) => {
        if (!record) throw notOurs(showTable(table))
        return {
          ...record,
          column: reference.columns.length === 1 ? reference.columns[0] : undefined,
          code: 'ORPHAN',
          message: `There is no row of ${showTable(reference.to)} that ${reference.columns.join(', ')} could refer to.`,
          bytes: undefined,
          digest: undefined,
        }
      }),
    )
  }
}

const notOurs = (table: string): KvmigError =>
  new KvmigError('ORPHAN_NOT_OURS', `${table} has rows without a parent that kvmig did not write.`, {
    hint: 'They were there before the migration: mend or remove them, then apply again.',
  })
