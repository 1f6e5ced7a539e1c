import type { PartitionsStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { createExtension, qualified } from '../target/ddl.ts'
import { tryStatement, wayToExtension } from '../target/extensions.ts'
import { makePartitions } from '../target/partitions.ts'
import type { Transaction } from '../target/target.ts'
import type { Counts, Executor } from './executor.ts'
import { doNoted } from './transact.ts'

/** Partitions up to some periods ahead, or a hypertable. They go with their table, so there is nothing to take back. */
export const partitions: Executor<PartitionsStep> = {
  kind: 'partitions',
  describe: ({ table, every, from, ahead, with: made }) => ({
    symbol: '+',
    verb: 'partitions',
    subject: showTable(table),
    detail: made
      ? `a hypertable of TimescaleDB, in chunks of a ${every}; one plain table where the server does not have it`
      : `one a ${every} from ${from ?? `the present ${every}`}, ${ahead} ahead, and one for all other rows; kvmig sweep adds those that come`,
  }),
  run: (step, context) =>
    doNoted(context, step, async (tx) => {
      if (step.with) return makeHypertable(tx, step, context.target.place.provider)
      const { made } = await makePartitions(tx, step.table, step)
      return { counts: { partitions: made.length } }
    }),
}

// Before a row is there: turning a full table into a hypertable would copy it once more.
async function makeHypertable(
  tx: Transaction,
  { table, column, every }: PartitionsStep,
  provider: string | undefined,
): Promise<{ readonly counts: Counts; readonly note?: string }> {
  const plain = (why: string) => ({
    counts: {},
    note: `one plain table, without TimescaleDB (${why}). ${wayToExtension('timescaledb', provider)}`,
  })
  const created = await tryStatement(tx, createExtension('timescaledb', { optional: true }))
  if (created.refused !== undefined) return plain(created.refused)
  const [found] = await tx.query(
    "SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'",
  )
  const create = qualified({ schema: found!.schema!, table: 'create_hypertable' })
  const made = await tryStatement(
    tx,
    `SELECT ${create}($1::regclass, $2::name, chunk_time_interval => $3::interval, create_default_indexes => false)`,
    [qualified(table), column, `1 ${every}`],
  )
  return made.refused === undefined ? { counts: { hypertables: 1 } } : plain(made.refused)
}
