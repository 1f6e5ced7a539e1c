import { KvmigError } from '../errors.ts'
import type { Plan } from '../plan/plan.ts'
import { showTable, type TableDefinition } from '../plan/table.ts'
import type { RunStart } from '../state/ledger.ts'
import { repeatably } from '../state/schema.ts'
import { DatabaseError } from '../target/error.ts'
import { inspectTables } from '../target/inspect.ts'
import { makePartitions } from '../target/partitions.ts'
import { sweepAndCount } from '../target/sweep.ts'
import type { Target } from '../target/target.ts'
import { inJournal } from './run.ts'
import type { Session } from './session.ts'

/** What a sweep came to, by table. */
export interface Swept {
  readonly table: string
  /** Expired rows that were deleted, in how many transactions. */
  readonly rows: number
  readonly batches: number
  /** Partitions that were made, and those that rows in the default partition are in the way of. */
  readonly made: readonly string[]
  readonly blocked: readonly string[]
  /** It is not there: the plan was not applied. */
  readonly absent: boolean
}

export interface SweepOptions {
  readonly session: Session
  readonly plans: readonly Plan[]
  readonly run: RunStart
  /** Rows that one transaction deletes, at most. */
  readonly batchRows: number
}

/**
 * The upkeep of tables: deletes rows that have expired, batch by batch, and makes the partitions that are due. May run at any time, beside
 * other runs and beside itself; nothing to do is a result. Leaves a line in the journal.
 */
export async function sweep({ session, plans, run, batchRows }: SweepOptions): Promise<readonly Swept[]> {
  const tables = new Map(
    plans
      .flatMap((it) => it.tables)
      .filter((it) => it.expiry || (it.partitions && !it.partitions.with))
      .map((it) => [showTable(it.name), it]),
  )
  const { target, signal, ledger } = session
  if (tables.size === 0) return []
  if (!(await ledger.installed())) return [...tables.keys()].map(absent)
  return inJournal(session, run, async () => {
    const there = await target.transaction(
      (tx) =>
        inspectTables(
          tx,
          [...tables.values()].map((it) => it.name),
        ),
      { readOnly: true },
    )
    const result: Swept[] = []
    for (const [name, table] of tables) {
      const found = there.has(`${table.name.schema}.${table.name.table}`)
      result.push(found ? await sweepTable(target, table, { batchRows, signal }) : absent(name))
      if (signal.aborted) throw signal.reason
    }
    return { result, outcome: 'done', summary: { swept: result } }
  })
}

const absent = (table: string): Swept => ({ table, rows: 0, batches: 0, made: [], blocked: [], absent: true })

async function sweepTable(
  target: Target,
  { name, expiry, partitions }: TableDefinition,
  { batchRows, signal }: { readonly batchRows: number; readonly signal: AbortSignal },
): Promise<Swept> {
  const table = showTable(name)
  const { made, blocked } =
    partitions && !partitions.with
      ? await repeatably(() => target.transaction((tx) => makePartitions(tx, name, partitions)))
      : { made: [], blocked: [] }
  let rows = 0
  let batches = 0
  while (expiry && !signal.aborted) {
    const gone = await repeatably(() => deleteBatch(target, { name, column: expiry.column, batchRows }))
    if (gone === 0) break
    rows += gone
    batches += 1
    if (gone < batchRows) break
  }
  return { table, rows, batches, made, blocked, absent: false }
}

async function deleteBatch(
  target: Target,
  { name, column, batchRows }: Pick<TableDefinition, 'name'> & { column: string; batchRows: number },
): Promise<number> {
  try {
    const [row] = await target.transaction((tx) => tx.query(sweepAndCount(name, column, batchRows)))
    return Number(row!.rows)
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.sqlState !== '23503') throw error
    throw new KvmigError(
      'STILL_REFERENCED',
      `Rows of ${showTable(name)} have expired that ${error.table ?? 'another table'} still refers to.`,
      {
        cause: error,
        hint: 'Declare the reference with on_delete: cascade, or let those rows expire first.',
      },
    )
  }
}
