import { compareRecords } from '../mapping/resolve.ts'
import type { IndexStep } from '../plan/step.ts'
import { type Traced, trace, writerName } from '../state/trace.ts'
import { tupleFields } from '../target/codec.ts'
import { createIndex, qualified, quote } from '../target/ddl.ts'
import { createStage, storedValues } from '../target/stage.ts'
import { openTableRows, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Context } from './executor.ts'
import { requireUnreferenced } from './referenced.ts'
import { notUnique } from './refusal.ts'
import { quarantineRecords } from './take-out.ts'
import { writersOf } from './writers.ts'

/** Rows that are taken out by one statement. */
const CHUNK = 5_000

/**
 * Takes rows out of a table that a unique index would refuse, and puts their records into the quarantine. Of those with the same value the
 * one stays whose record comes first in `compareRecords`, as it does where a constraint is there from the start. Gives how many went.
 */
export async function quarantineDuplicates(
  tx: Transaction,
  { table, index }: IndexStep,
  context: Context,
): Promise<number> {
  const writers = writersOf(context.compiled, table)
  const [first] = writers.mappings
  if (!first || !index.unique) return 0
  const { compiled, ledger } = context
  const rows = await openTableRows(tx, { name: table, columns: first.columns, keyIndexes: first.keyIndexes })
  const { values, condition } = await indexedValues(tx, { table, index })
  const given = [...values.map((it) => `(${it}) IS NOT NULL`), ...(condition ? [`(${condition})`] : [])].join(
    ' AND ',
  )
  const keys = storedValues('t', rows.keyWires)
  const repeated = `SELECT * FROM (
      SELECT dense_rank() OVER (ORDER BY ${values.join(', ')}) AS kvmig_group, count(*) OVER (PARTITION BY ${values.join(', ')}) AS kvmig_count, ${keys}
      FROM ${qualified(table)} t WHERE ${given}
    ) g WHERE kvmig_count > 1 ORDER BY kvmig_group`

  let total = 0
  const outgoing: Buffer[] = []
  const takeOut = async (): Promise<void> => {
    total += outgoing.length
    const tuples = outgoing.splice(0)
    await removeRows(tx, rows, tuples)
    await quarantineRecords(tx, tuples, {
      table: rows,
      writers,
      ledger,
      reject: notUnique(table, index.name),
    })
  }
  let group: { readonly number: string; readonly keys: Buffer[] } | undefined
  const close = async (): Promise<void> => {
    if (!group) return
    const owners = await trace(tx, group.keys, rows, writers.mappings, ledger, compiled.tracked(table))
    const place = (it: Traced) => ({
      ...it,
      writer: writers.placeOf(writerName({ plan: it.plan, mapping: { name: it.mapping } })),
    })
    const ours = group.keys.flatMap((key, at) => (owners[at] ? [{ key, record: place(owners[at]) }] : []))
    ours.sort((a, b) => compareRecords(a.record, b.record))
    // A row that is not kvmig's has its value before any of ours.
    const losers = ours.length < group.keys.length ? ours : ours.slice(1)
    outgoing.push(...losers.map((it) => it.key))
    if (outgoing.length >= CHUNK) await takeOut()
  }
  for await (const tuples of tx.copyOut(repeated)) {
    for (const tuple of tuples) {
      const number = tupleFields(tuple)[0]!.toString('latin1')
      if (group?.number !== number) {
        await close()
        group = { number, keys: [] }
      }
      group.keys.push(withoutGroup(tuple))
    }
  }
  await close()
  if (outgoing.length > 0) await takeOut()
  return total
}

/** What an index is about, as SQL over the table's columns: Postgres itself takes the operator classes and directions off. */
async function indexedValues(
  tx: Transaction,
  { table, index }: Pick<IndexStep, 'table' | 'index'>,
): Promise<{ readonly values: readonly string[]; readonly condition: string | undefined }> {
  const { using: _, ...plain } = index
  const name = 'kvmig_indexed'
  await tx.query(`CREATE TEMPORARY TABLE ${name} (LIKE ${qualified(table)}) ON COMMIT DROP`)
  const [schema] = await tx.query('SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()')
  await tx.query(
    createIndex({ schema: schema!.nspname!, table: name }, { ...plain, name: 'kvmig_indexed_index' }),
  )
  const [row] = await tx.query(
    `SELECT (SELECT json_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k) FROM generate_series(1, i.indnkeyatts::int) k) AS values,
        pg_get_expr(i.indpred, i.indrelid) AS condition
      FROM pg_index i WHERE i.indrelid = $1::regclass`,
    [`pg_temp.${name}`],
  )
  await tx.query(`DROP TABLE pg_temp.${name}`)
  return { values: JSON.parse(row!.values!), condition: row!.condition ?? undefined }
}

async function removeRows(
  tx: Transaction,
  { name, keyWires, key }: TableRows,
  tuples: readonly Buffer[],
): Promise<void> {
  const stage = 'kvmig_outgoing'
  await createStage(tx, stage, keyWires)
  await tx.copyIn(
    { temporary: stage },
    key.map((it) => it.name),
    tuples,
  )
  const doomed = (alias: string): string =>
    `EXISTS (SELECT FROM pg_temp.${stage} s WHERE ${key.map((it) => `s.${quote(it.name)} = ${alias}.${quote(it.name)}`).join(' AND ')})`
  await requireUnreferenced(tx, name, doomed)
  await tx.query(`DELETE FROM ${qualified(name)} t WHERE ${doomed('t')}; DROP TABLE pg_temp.${stage}`)
}

// Number of fields (int16), and the group and its count (int64 each, behind their lengths).
const GROUP_BYTES = 2 * (4 + 8)
function withoutGroup(tuple: Buffer): Buffer {
  tuple.writeInt16BE(tuple.readInt16BE(0) - 2, GROUP_BYTES)
  return tuple.subarray(GROUP_BYTES)
}
