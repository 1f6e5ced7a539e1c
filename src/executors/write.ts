import { compareRecords, type RecordId } from '../mapping/resolve.ts'
import type { Ledger } from '../state/ledger.ts'
import { type Traced, trace, writerName } from '../state/trace.ts'
import { qualified } from '../target/ddl.ts'
import type { DatabaseError } from '../target/error.ts'
import { halve } from '../target/halve.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Reject } from '../value.ts'
import { requireUnreferenced } from './referenced.ts'
import { notUnique, orphan, refusal } from './refusal.ts'
import type { Stage } from './stage.ts'
import { quarantineRecords } from './take-out.ts'
import type { Writers } from './writers.ts'

/** A stage on its way into the table. */
export interface Writing {
  readonly tx: Transaction
  readonly stage: Stage
  readonly table: TableRows
  readonly writers: Writers
  readonly ledger: Ledger
  /** The record of a staged row. Numbers are in the order of `compareRecords`. */
  record(number: number): RecordId
  /** Its key tuple. */
  key(number: number): Buffer
  refuse(number: number, reject: Reject): void
  /** Is told of records that had to leave their rows, and of those that had given way to them: all are in the quarantine now. */
  displaced?(owners: readonly Traced[], others: readonly Traced[]): void
}

/**
 * Writes all staged rows that the table takes, and gives their numbers. A refused statement is halved until few rows are left to try alone;
 * orphans and values that have to be unique are found by one query each, because there may be many of them.
 */
export const writeWhatFits = (
  writing: Writing,
  numbers: readonly number[],
  how: 'insert' | 'update',
): Promise<readonly number[]> =>
  halve(writing.tx, numbers, {
    work: (some) => (how === 'insert' ? writing.stage.insert(some) : writing.stage.update(some)),
    refuse: (number, error) => writing.refuse(number, refusal(error, writing.table)),
    look: async (some, error) => {
      if (error.sqlState === '23503') return findOrphans(writing, some, error)
      if (error.sqlState === '23505') return giveWay(writing, some, { error, how })
      return undefined
    },
    each: (some) => writing.stage.writeEach(some, how),
  })

async function findOrphans(
  { stage, table, refuse }: Writing,
  numbers: readonly number[],
  error: DatabaseError,
): Promise<ReadonlySet<number> | undefined> {
  const reference = table.references.find((it) => it.name === error.constraint)
  if (!reference?.columns.every((it) => table.columnNames.includes(it))) return undefined
  const orphans = await stage.orphans(numbers, reference)
  for (const number of orphans) refuse(number, orphan(reference))
  return orphans.length > 0 ? new Set(orphans) : undefined
}

/**
 * Several records want the same value where the table allows it once. The one that comes first in `compareRecords` has it, so that it does
 * not matter which of them a scan gave first: a row of ours that comes later goes out again.
 */
async function giveWay(
  writing: Writing,
  numbers: readonly number[],
  { error, how }: { readonly error: DatabaseError; readonly how: 'insert' | 'update' },
): Promise<ReadonlySet<number> | undefined> {
  const { tx, stage, table, writers, ledger, record, refuse } = writing
  const columns = await uniqueColumns(tx, table, error.constraint)
  if (!columns?.every((it) => table.columnNames.includes(it))) return undefined
  const reject = notUnique(table.name, error.constraint!, columns)
  const losers = new Set(await stage.repeated(numbers, columns))
  const shared = await stage.sharing(
    numbers.filter((it) => !losers.has(it)),
    columns,
  )
  const sharing = shared.filter(({ number, key }) => !key.equals(writing.key(number)))
  const keys = sharing.map((it) => it.key)
  const owners = await trace(tx, keys, table, writers.mappings, ledger, writers.tracked)
  const stronger = sharing.filter(({ number }, place) => {
    const owner = owners[place]
    const isStronger = owner && compareRecords(recordOf(owner, writers), record(number)) > 0
    if (!isStronger) losers.add(number)
    return isStronger
  })
  for (const number of losers) refuse(number, reject)
  const hopeless = await refusedAnyway(
    writing,
    stronger.map((it) => it.number),
    { columns, how },
  )
  const winning = stronger.filter(({ number }) => !hopeless.has(number))
  if (winning.length > 0) {
    const doomed = stage.hasValuesOf(
      winning.map((it) => it.number),
      columns,
    )
    await tx.query(`DELETE FROM ${qualified(table.name)} t WHERE ${doomed('t')}`)
    const outgoing = await quarantineRecords(
      tx,
      winning.map((it) => it.key),
      { table, writers, ledger, reject },
    )
    writing.displaced?.(
      outgoing.owners.filter((it) => it !== undefined),
      outgoing.others,
    )
  }
  return sharing.length + losers.size > 0 ? new Set([...losers, ...hopeless]) : undefined
}

/** Nobody has to leave for a row that the table refuses for another reason: that is tried before. */
async function refusedAnyway(
  { tx, stage, table, refuse }: Writing,
  numbers: readonly number[],
  { columns, how }: { readonly columns: readonly string[]; readonly how: 'insert' | 'update' },
): Promise<ReadonlySet<number>> {
  if (numbers.length === 0) return new Set()
  const doomed = stage.hasValuesOf(numbers, columns)
  await requireUnreferenced(tx, table.name, doomed)
  await tx.query('SAVEPOINT kvmig_trial')
  await tx.query(`DELETE FROM ${qualified(table.name)} t WHERE ${doomed('t')}`)
  const refused = await stage.writeEach(numbers, how)
  await tx.query('ROLLBACK TO SAVEPOINT kvmig_trial; RELEASE SAVEPOINT kvmig_trial')
  for (const [number, why] of refused) {
    const reference = table.references.find((it) => it.name === why.constraint)
    refuse(number, reference ? orphan(reference) : refusal(why, table))
  }
  return new Set(refused.keys())
}

const recordOf = ({ plan, mapping, key, part }: Traced, { placeOf }: Writers): RecordId => ({
  writer: placeOf(writerName({ plan, mapping: { name: mapping } })),
  key,
  part,
})

/** The columns of a unique constraint or index, by its name; undefined where it is about expressions or a part of the rows. */
async function uniqueColumns(
  tx: Transaction,
  { name }: TableRows,
  constraint: string | undefined,
): Promise<readonly string[] | undefined> {
  const [row] = await tx.query(
    `SELECT (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (num, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num WHERE u.place <= i.indnkeyatts) AS columns
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND x.relname = $3 AND i.indisunique AND i.indexprs IS NULL AND i.indpred IS NULL`,
    [name.schema, name.table, constraint],
  )
  return row?.columns ? (JSON.parse(row.columns) as string[]) : undefined
}
