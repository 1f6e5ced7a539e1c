import { KvmigError } from '../errors.ts'
import { circleOf, type Link } from '../plan/circle.ts'
import type { ForeignKeyStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { qualified, quote } from '../target/ddl.ts'
import { storedValues } from '../target/stage.ts'
import { openTableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Context } from './executor.ts'
import { requireUnreferenced } from './referenced.ts'
import { orphan } from './refusal.ts'
import { quarantineRecords } from './take-out.ts'
import { writersOf } from './writers.ts'

/**
 * Takes rows whose reference points at nothing out of the table, and puts the records they came from into the quarantine. Goes on until
 * there are none, because a row that goes may have been the parent of another, of the same table or of one that refers to it in turn.
 */
export async function quarantineOrphans(
  tx: Transaction,
  step: ForeignKeyStep,
  context: Context,
): Promise<number> {
  const links = circleOf(
    step,
    context.project.plans.flatMap((it) => it.tables),
  )
  let total = 0
  for (let before = -1; before < total; ) {
    before = total
    for (const link of links) total += await takeOut(tx, link, context)
  }
  return total
}

async function takeOut(
  tx: Transaction,
  { table, reference }: Link,
  { compiled, ledger }: Context,
): Promise<number> {
  const writers = writersOf(compiled, table)
  const [first] = writers.mappings
  if (!first) return 0
  const rows = await openTableRows(tx, { name: table, columns: first.columns, keyIndexes: first.keyIndexes })
  const doomed = (alias: string): string => {
    const given = reference.columns.map((it) => `${alias}.${quote(it)} IS NOT NULL`)
    const match = reference.columns
      .map((it, place) => `p.${quote(reference.toColumns[place]!)} = ${alias}.${quote(it)}`)
      .join(' AND ')
    return `(${[...given, `NOT EXISTS (SELECT FROM ${qualified(reference.to)} p WHERE ${match})`].join(' AND ')})`
  }
  await requireUnreferenced(tx, table, doomed)
  const remove = `DELETE FROM ${qualified(table)} t WHERE ${doomed('t')} RETURNING ${storedValues('t', rows.keyWires)}`
  let total = 0
  for await (const keys of tx.copyOut(remove)) {
    total += keys.length
    const { owners } = await quarantineRecords(tx, keys, {
      table: rows,
      writers,
      ledger,
      reject: orphan(reference),
    })
    if (owners.includes(undefined)) throw notOurs(showTable(table))
  }
  return total
}

const notOurs = (table: string): KvmigError =>
  new KvmigError('ORPHAN_NOT_OURS', `${table} has rows without a parent that kvmig did not write.`, {
    hint: 'They were there before the migration: mend or remove them, then apply again.',
  })
